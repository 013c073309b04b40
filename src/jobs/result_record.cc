#include "jobs/result_record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace leat {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<JobResult::State, std::string_view>, 3> kStates{
    {{JobResult::State::kDone, "done"},
     {JobResult::State::kDead, "dead"},
     {JobResult::State::kCancelled, "cancelled"}}};

std::string_view name_of(JobResult::State state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  return {};
}

JobResult::State result_state_of(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  throw Error(ErrorCode::kCorrupt, "unknown state \"" + std::string(text) + "\"");
}

SystemTime time_from(const json& head, const char* name) {
  const auto time = from_rfc3339(head.at(name).get<std::string>());
  if (!time) throw Error(ErrorCode::kCorrupt, "\"" + std::string(name) + "\" is no time");
  return *time;
}

JobResult result_from(const json& head) {
  JobResult result;
  result.state = result_state_of(head.at("state").get<std::string>());
  result.attempts = head.at("attempts").get<unsigned>();
  result.error = head.value("error", "");
  result.finished_at = time_from(head, "at");
  if (head.contains("enqueued_at")) result.enqueued_at = time_from(head, "enqueued_at");
  return result;
}

}  // namespace

std::string encode_result(const JobResult& result) {
  json head{{"version", 1},
            {"state", name_of(result.state)},
            {"attempts", result.attempts},
            {"at", to_rfc3339(result.finished_at)}};
  if (result.enqueued_at != SystemTime{}) head["enqueued_at"] = to_rfc3339(result.enqueued_at);
  if (!result.error.empty()) head["error"] = result.error;
  return head.dump(-1, ' ', false, json::error_handler_t::replace) + "\n" + result.value;
}

Result<JobResult> decode_result(std::string_view bytes) {
  const std::size_t line = std::min(bytes.find('\n'), bytes.size());
  try {
    JobResult result = result_from(json::parse(bytes.substr(0, line)));
    if (line < bytes.size()) result.value = bytes.substr(line + 1);
    return result;
  } catch (const json::exception& e) {
    return Error(ErrorCode::kCorrupt, std::string("stored result: ") + e.what());
  } catch (const Error& e) {
    return e.with_context("stored result");
  }
}

bool is_outdated(const JobResult& result, SystemTime enqueued_at) {
  const bool known = result.enqueued_at != SystemTime{};
  return known && result.enqueued_at < std::chrono::floor<std::chrono::milliseconds>(enqueued_at);
}

}  // namespace leat
