#include "broker/drift_report.h"

namespace leat {

Log& drift_log(Log* given) {
  static const std::unique_ptr<Log> standard_error = make_stderr_log(LogLevel::kWarn);
  return given != nullptr ? *given : *standard_error;
}

void report_drift(Log& log, std::string_view what, const std::string& name, std::span<const Drift> drift) {
  for (const Drift& one : drift) {
    log.warn("it exists with another setting than this program wants, and is used as it is",
             {{what, name}, {"setting", one.setting}, {"wanted", one.wanted}, {"actual", one.actual}});
  }
}

}  // namespace leat
