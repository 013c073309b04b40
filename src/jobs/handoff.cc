#include "jobs/handoff.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "jobs/waiting_job.h"

namespace leat {
namespace {

constexpr std::string_view kClaimsKey = "claims";
constexpr std::string_view kDropped = "when its time came, another job had its unique key";

}  // namespace

Result<bool> Handoff::is_claimed(KeyValue& claims, std::string_view id) {
  const auto entry = claims.get(std::string(kClaimsKey));
  if (!entry) return entry.error();
  if (!*entry) return false;
  const auto claim = nlohmann::json::parse((*entry)->value, nullptr, false);
  if (!claim.is_object() || !claim.contains("ids") || !claim["ids"].is_array()) return false;
  return std::any_of(claim["ids"].begin(), claim["ids"].end(), [&](const auto& one) { return one == id; });
}

Result<void> Handoff::move(std::span<const ReadyJob> jobs) {
  if (jobs.empty()) return {};
  auto ids = nlohmann::json::array();
  for (const ReadyJob& job : jobs) ids.push_back(job.id);
  const auto claimed =
      parts_.claims.put(std::string(kClaimsKey), nlohmann::json{{"version", 1}, {"ids", std::move(ids)}}.dump());
  if (!claimed) return claimed.error();
  auto moving = read(jobs);
  if (!moving) return moving.error();
  if (!parts_.still_leads()) return Error(ErrorCode::kLeaseLost, "another scheduler leads");
  const SystemTime now = parts_.broker.clock().now();
  if (auto appended = append(*moving); !appended) return appended;
  if (auto removed = remove(*moving); !removed) return removed;
  tell(*moving, now);
  return parts_.claims.erase(std::string(kClaimsKey), *claimed);
}

Result<std::vector<Handoff::Moving>> Handoff::read(std::span<const ReadyJob> jobs) {
  std::vector<Moving> moving;
  moving.reserve(jobs.size());
  std::vector<std::uint64_t> sequences;
  for (const ReadyJob& ready : jobs) sequences.push_back(ready.sequence);
  auto there = parts_.broker.admin().read(parts_.names.scheduled_stream(), sequences);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const ReadyJob& ready = jobs[i];
    auto& found = there[i];
    if (!found) return found.error();
    if (!*found) continue;  // cancelled, or moved before
    Moving one{.job = std::move(**found), .request = {.message = {}, .expected_last = 0}};
    Message& message = one.request.message;
    message = static_cast<const Message&>(one.job);
    if (is_waiting_job(message)) {
      if (auto plain = make_plain(message); !plain) return plain.error();
    }
    const auto id = JobId::parse(ready.id);
    if (!id) return id.error();
    message.subject = parts_.names.subject(*id);
    one.request.message_id = parts_.names.scheduled_stream() + "-" + std::to_string(ready.sequence);
    message.headers.set(wire::kMovedFrom, one.request.message_id);
    message.headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(one.job)));
    moving.push_back(std::move(one));
  }
  return moving;
}

// One append for each priority's stream.
Result<void> Handoff::append(std::vector<Moving>& moving) {
  for (const Priority priority : kPriorities) {
    const std::string prefix = parts_.names.space() + "." + std::string(to_string(priority)) + ".";
    std::vector<AppendRequest> requests;
    std::vector<Moving*> places;
    for (Moving& one : moving) {
      if (!one.request.message.subject.starts_with(prefix)) continue;
      requests.push_back(std::move(one.request));
      places.push_back(&one);
    }
    if (requests.empty()) continue;
    const auto appended = parts_.broker.append(parts_.names.stream(priority), requests);
    for (std::size_t i = 0; i < places.size(); ++i) {
      places[i]->request = std::move(requests[i]);
      if (appended[i]) continue;
      if (appended[i].error().code() != ErrorCode::kConflict) return appended[i].error();
      if (auto checked = check_conflict(*places[i]); !checked) return checked;
    }
  }
  return {};
}

// It lies there already, put by an earlier try; or another job has its unique key, and then it is dropped.
Result<void> Handoff::check_conflict(Moving& moving) {
  const Message& message = moving.request.message;
  const auto id = parts_.names.id_of(message);
  if (!id) return id.error();
  const auto there = parts_.broker.admin().read_last(parts_.names.stream(id->priority()), message.subject);
  if (!there) return there.error();
  if (!*there) return Error(ErrorCode::kUnavailable, "job " + id->str() + " was there and is gone");
  if ((*there)->headers.get(wire::kMovedFrom) == moving.request.message_id) return {};
  moving.dropped = true;
  parts_.log.warn("a job is dropped: when its time came, another one had its unique key", {{"job_id", id->str()}});
  const EndedJob ended{.job = &moving.job,
                       .id = id->str(),
                       .result = {.state = JobResult::State::kCancelled,
                                  .error = std::string(kDropped),
                                  .finished_at = parts_.broker.clock().now()}};
  return std::move(parts_.endings.write({&ended, 1}).front());
}

void Handoff::tell(const std::vector<Moving>& moving, SystemTime at) {
  if (!parts_.events.wanted()) return;
  for (const Moving& one : moving) {
    parts_.events.tell({.what = one.dropped ? JobEvent::What::kCancelled : JobEvent::What::kDue,
                        .at = at,
                        .job = parts_.names.scheduled_id(one.job.subject).value_or(JobId{}),
                        .kind = std::string(one.job.headers.get(wire::kKind).value_or("")),
                        .error = one.dropped ? std::string(kDropped) : ""});
  }
}

Result<void> Handoff::remove(const std::vector<Moving>& moving) {
  std::vector<std::uint64_t> sequences;
  for (const Moving& one : moving) sequences.push_back(one.job.sequence);
  for (const auto& removed : parts_.broker.admin().remove(parts_.names.scheduled_stream(), sequences)) {
    if (!removed) return removed.error();
  }
  return {};
}

}  // namespace leat
