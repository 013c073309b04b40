#include "cli/job_result.h"

#include "cli/table.h"
#include "core/text.h"

namespace leat::cli {
namespace {

constexpr std::size_t kIndent = 2;

std::string_view name_of(JobResult::State state) {
  switch (state) {
    case JobResult::State::kDone: return "done";
    case JobResult::State::kDead: return "dead";
    case JobResult::State::kCancelled: return "cancelled";
  }
  return "";
}

nlohmann::json to_json(const JobId& id, const JobResult& result) {
  nlohmann::json json{{"id", id.str()},
                      {"state", name_of(result.state)},
                      {"attempts", result.attempts},
                      {"finished_at", to_rfc3339(result.finished_at)}};
  if (result.state == JobResult::State::kDone) {
    json["value"] = result.value;
  } else {
    json["error"] = result.error;
  }
  return json;
}

Error no_result(const JobId& id, Duration wait) {
  const std::string waited = wait > Duration{0} ? " after " + format_duration(wait) : "";
  return {ErrorCode::kNotFound,
          "no result of " + id.str() + waited +
              ": it was enqueued without --result, its result is too old, or it is not finished: then "
              "wait for it with --wait 1m"};
}

}  // namespace

Result<int> print_result(App& app, const JobId& id, Duration wait) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  Results results(**broker, app.options.name_space);
  const auto found = results.wait(id, std::chrono::ceil<std::chrono::milliseconds>(wait));
  if (!found) return found.error();
  if (!*found) return no_result(id, wait);
  const JobResult& result = **found;
  const bool done = result.state == JobResult::State::kDone;
  if (app.options.json) {
    app.print_json(to_json(id, result));
  } else if (done) {
    app.print(std::string_view(result.value).substr(0, result.value.size() - result.value.ends_with('\n')));
  } else {
    print_error(app.options, {ErrorCode::kInternal, "job " + id.str() + " is " + std::string(name_of(result.state)) +
                                                        " after " + std::to_string(result.attempts) +
                                                        (result.attempts == 1 ? " attempt: " : " attempts: ") +
                                                        indented(result.error, kIndent)});
  }
  return done ? kExitOk : kExitFailure;
}

}  // namespace leat::cli
