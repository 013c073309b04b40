#include "jobs/event_record.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace leat {
namespace {

using nlohmann::json;
using What = JobEvent::What;

constexpr std::size_t kLongestError = 1000;

constexpr std::array<std::pair<What, std::string_view>, 15> kWhats{{{What::kEnqueued, "enqueued"},
                                                                    {What::kScheduled, "scheduled"},
                                                                    {What::kDue, "due"},
                                                                    {What::kStarted, "started"},
                                                                    {What::kDone, "done"},
                                                                    {What::kFailed, "failed"},
                                                                    {What::kSnoozed, "snoozed"},
                                                                    {What::kInterrupted, "interrupted"},
                                                                    {What::kDead, "dead"},
                                                                    {What::kCancelled, "cancelled"},
                                                                    {What::kRevived, "revived"},
                                                                    {What::kDiscarded, "discarded"},
                                                                    {What::kPaused, "paused"},
                                                                    {What::kResumed, "resumed"},
                                                                    {What::kPurged, "purged"}}};

}  // namespace

std::string_view to_string(What what) {
  for (const auto& [value, name] : kWhats) {
    if (value == what) return name;
  }
  return "";
}

AppendRequest encode_event(const Names& names, const JobEvent& event) {
  json body{{"version", 1}, {"event", to_string(event.what)}, {"at", to_rfc3339(event.at)}};
  if (!event.job.str().empty()) body["job"] = event.job.str();
  if (!event.kind.empty()) body["kind"] = event.kind;
  if (event.attempt != 0) body["attempt"] = event.attempt;
  if (!event.worker.empty()) body["worker"] = event.worker;
  if (!event.error.empty()) body["error"] = event.error.substr(0, kLongestError);
  const std::string subject =
      event.job.str().empty() ? names.queue_event_subject(event.queue) : names.event_subject(event.job);
  return {.message = {
              .subject = subject, .headers = {}, .payload = body.dump(-1, ' ', false, json::error_handler_t::replace)}};
}

Result<JobEvent> decode_event(const StoredMessage& message) {
  try {
    const json body = json::parse(message.payload);
    const auto name = body.at("event").get<std::string>();
    const auto what = std::find_if(kWhats.begin(), kWhats.end(), [&](const auto& one) { return one.second == name; });
    if (what == kWhats.end()) return Error(ErrorCode::kCorrupt, "event: \"" + name + "\" is of a later version");
    JobEvent event{.what = what->first,
                   .at = from_rfc3339(body.value("at", "")).value_or(message.time),
                   .job = JobId::parse(body.value("job", "")).value_or(JobId{}),
                   .kind = body.value("kind", ""),
                   .attempt = body.value("attempt", 0U),
                   .worker = body.value("worker", ""),
                   .error = body.value("error", ""),
                   .sequence = message.sequence};
    event.queue = event.job.str().empty() ? Names::queue_of_event(message.subject) : event.job.queue();
    return event;
  } catch (const json::exception& e) {
    return Error(ErrorCode::kCorrupt, std::string("event: ") + e.what());
  }
}

}  // namespace leat
