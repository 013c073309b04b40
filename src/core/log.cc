#include "leat/log.h"

#include <cstdio>

#include "core/mutex.h"
#include "core/text.h"
#include "leat/clock.h"

namespace leat {
namespace {

// Quotes a value that would not read back as one word.
void append_value(std::string& line, std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" \"=\n\r\t\\") == value.npos;
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ') {
      line += ' ';
    } else {
      if (c == '"' || c == '\\') line += '\\';
      line += c;
    }
  }
  line += '"';
}

class StderrLog : public Log {
 public:
  using Log::Log;

 protected:
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override {
    std::string line = to_rfc3339(real_clock().now());
    line.append(" ").append(to_string(level)).append(" ").append(message);
    for (const LogField& field : fields) {
      line.append(" ").append(field.name).append("=");
      append_value(line, field.value);
    }
    line += '\n';
    MutexLock lock(mutex_);
    std::fwrite(line.data(), 1, line.size(), stderr);
  }

 private:
  Mutex mutex_;  // lines of several threads do not mix
};

class NoLog : public Log {
 public:
  NoLog() : Log(LogLevel::kOff) {}

 protected:
  void write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarn: return "warn";
    case LogLevel::kError: return "error";
    case LogLevel::kOff: return "off";
  }
  return "";
}

std::unique_ptr<Log> make_stderr_log(LogLevel least) {
  return std::make_unique<StderrLog>(least);
}

Log& no_log() {
  static NoLog log;
  return log;
}

}  // namespace leat
