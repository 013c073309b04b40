#include "jobs/call_record.h"

#include <nlohmann/json.hpp>

namespace leat {
namespace {

using nlohmann::json;
using Answer = CallRecord::Answer;

Answer answer_of(std::string_view text) {
  if (text == "held") return Answer::kHeld;
  return text == "running" ? Answer::kRunning : Answer::kNone;
}

}  // namespace

std::string CallRecord::to_json() const {
  json call{{"version", 1}, {"sequence", sequence}};
  if (answer != Answer::kNone) {
    call["answer"] = answer == Answer::kRunning ? "running" : "held";
    call["worker"] = worker;
  }
  if (over) call["over"] = true;
  return call.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<CallRecord> CallRecord::from_json(std::string_view text) {
  try {
    const json call = json::parse(text);
    return CallRecord{.sequence = call.at("sequence").get<std::uint64_t>(),
                      .answer = answer_of(call.value("answer", "")),
                      .worker = call.value("worker", ""),
                      .over = call.value("over", false)};
  } catch (const json::exception& e) {
    return Error(ErrorCode::kCorrupt, std::string("call record: ") + e.what());
  }
}

}  // namespace leat
