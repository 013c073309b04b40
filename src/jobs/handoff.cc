#include "jobs/handoff.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/mutex.h"
#include "core/text.h"
#include "core/thread.h"
#include "jobs/waiting_job.h"

namespace leat {
namespace {

constexpr std::string_view kClaimsKey = "claims";
constexpr std::size_t kChunk = 500;  // jobs that are read and appended while those before are removed
constexpr std::string_view kDropped = "when its time came, another job had its unique key";

}  // namespace

Handoff::Handoff(Parts parts)
    : parts_(std::move(parts)), claim_(parts_.claims, std::string(kClaimsKey), parts_.still_leads) {}

Result<Handoff::Claim> Handoff::claim_of(KeyValue& claims, std::uint64_t sequence) {
  const auto entry = claims.get(std::string(kClaimsKey));
  if (!entry) return entry.error();
  if (!*entry) return Claim::kNone;
  const auto record = nlohmann::json::parse((*entry)->value, nullptr, false);
  const auto names = [&](const char* list) {
    if (!record.is_object() || !record.contains(list) || !record[list].is_array()) return false;
    return std::find(record[list].begin(), record[list].end(), sequence) != record[list].end();
  };
  if (names("claimed")) return Claim::kClaimed;
  return names("moved") ? Claim::kMoved : Claim::kNone;
}

Result<void> Handoff::write_claim(std::span<const std::uint64_t> claimed, std::span<const std::uint64_t> moved) {
  const nlohmann::json record{{"version", 1}, {"claimed", claimed}, {"moved", moved}};
  return claim_.write(record.dump());
}

Result<void> Handoff::release_old_claim() {
  return write_claim({}, {});
}

// Removes what was appended, on a thread of its own, while the next jobs are read and appended.
class Handoff::Removals {
 public:
  explicit Removals(Handoff& handoff) : handoff_(handoff) {}

  // The first chunk is removed by finish(), on the caller's thread, if no other one follows.
  void add(std::vector<Moving> appended) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(appended));
    if (waiting_.size() + removed_.size() < 2 || failure_) return;
    changed_.notify_all();
    if (thread_.joinable()) return;
    thread_ = start_thread("handoff", [this](const std::stop_token& stop) {
      while (remove_next(stop)) continue;
    });
  }

  // Everything that was moved, once it is removed.
  Result<std::vector<Moving>> finish() LEAT_EXCLUDES(mutex_) {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    while (remove_next({})) continue;
    MutexLock lock(mutex_);
    if (failure_) return *failure_;
    return std::move(removed_);
  }

 private:
  // False when there is nothing left, or removing failed.
  bool remove_next(const std::stop_token& stop) LEAT_EXCLUDES(mutex_) {
    std::vector<Moving> next;
    {
      MutexLock lock(mutex_);
      if (stop.stop_possible()) {
        changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return !waiting_.empty(); });
      }
      if (waiting_.empty() || failure_) return false;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    auto removed = handoff_.remove(next);
    MutexLock lock(mutex_);
    if (!removed) failure_ = removed.error();
    std::move(next.begin(), next.end(), std::back_inserter(removed_));
    return !failure_;
  }

  Handoff& handoff_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::vector<Moving>> waiting_ LEAT_GUARDED_BY(mutex_);
  std::vector<Moving> removed_ LEAT_GUARDED_BY(mutex_);
  std::optional<Error> failure_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

Result<Handoff::Moved> Handoff::move(std::span<const std::uint64_t> sequences) {
  if (sequences.empty()) return Moved{};
  if (auto claimed = write_claim(sequences, {}); !claimed) return claimed.error();
  const SystemTime now = parts_.broker.clock().now();
  Removals removals(*this);
  const auto appended = move_chunks(sequences, removals);
  const auto moving = removals.finish();
  if (!appended) return appended.error();
  if (!moving) return moving.error();
  tell(*moving, now);
  Moved report;
  std::vector<std::uint64_t> moved;
  for (const Moving& one : *moving) {
    (one.end == Moving::End::kKept ? report.kept : moved).push_back(one.job.sequence);
    report.bytes += one.job.payload.size();
  }
  if (auto released = write_claim({}, moved); !released) return released.error();
  return report;
}

Result<void> Handoff::move_chunks(std::span<const std::uint64_t> sequences, Removals& removals) {
  while (!sequences.empty()) {
    const auto chunk = sequences.first(std::min(sequences.size(), kChunk));
    sequences = sequences.subspan(chunk.size());
    auto moving = read(chunk);
    if (!moving) return moving.error();
    if (!parts_.still_leads()) return Error(ErrorCode::kLeaseLost, "another scheduler leads");
    if (auto appended = append(*moving); !appended) return appended;
    removals.add(std::move(*moving));
  }
  return {};
}

Result<std::vector<Handoff::Moving>> Handoff::read(std::span<const std::uint64_t> sequences) {
  std::vector<Moving> moving;
  moving.reserve(sequences.size());
  for (auto& found : parts_.broker.admin().read(parts_.names.scheduled_stream(), sequences)) {
    if (!found) return found.error();
    if (!*found) continue;  // cancelled, or moved before
    auto prepared = prepare(std::move(**found));
    if (!prepared) return prepared.error();
    moving.push_back(std::move(*prepared));
  }
  return moving;
}

Result<Handoff::Moving> Handoff::prepare(StoredMessage job) const {
  const auto id = parts_.names.scheduled_id(job.subject);
  if (!id) return Error(ErrorCode::kCorrupt, "no job has the subject " + job.subject);
  Moving one{.job = std::move(job), .request = {.message = {}, .expected_last = 0}};
  Message& message = one.request.message;
  message = static_cast<const Message&>(one.job);
  if (is_waiting_job(message)) {
    if (auto plain = make_plain(message); !plain) return plain.error();
  }
  message.subject = parts_.names.subject(*id);
  one.request.message_id = parts_.names.scheduled_stream() + "-" + std::to_string(one.job.sequence);
  message.headers.set(wire::kMovedFrom, one.request.message_id);
  message.headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(one.job)));
  return one;
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

// It lies there already, put by an earlier try or under an earlier time; or another job has its unique key, and then it
// is dropped or waits on.
Result<void> Handoff::check_conflict(Moving& moving) {
  const Message& message = moving.request.message;
  const auto id = parts_.names.id_of(message);
  if (!id) return id.error();
  const auto there = parts_.broker.admin().read_last(parts_.names.stream(id->priority()), message.subject);
  if (!there) return there.error();
  if (!*there) return Error(ErrorCode::kUnavailable, "job " + id->str() + " was there and is gone");
  const Headers& headers = (*there)->headers;
  if (headers.get(wire::kMovedFrom) && headers.get(wire::kEnqueuedAt) == message.headers.get(wire::kEnqueuedAt)) {
    return {};
  }
  if (message.headers.get(wire::kIfTaken) == wire::kWait) {
    moving.end = Moving::End::kKept;
    return {};
  }
  moving.end = Moving::End::kDropped;
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
    if (one.end == Moving::End::kKept) continue;
    const bool dropped = one.end == Moving::End::kDropped;
    parts_.events.tell({.what = dropped ? JobEvent::What::kCancelled : JobEvent::What::kDue,
                        .at = at,
                        .job = parts_.names.scheduled_id(one.job.subject).value_or(JobId{}),
                        .kind = std::string(one.job.headers.get(wire::kKind).value_or("")),
                        .error = dropped ? std::string(kDropped) : ""});
  }
}

Result<void> Handoff::remove(const std::vector<Moving>& moving) {
  std::vector<const Moving*> gone;
  std::vector<std::uint64_t> sequences;
  for (const Moving& one : moving) {
    if (one.end == Moving::End::kKept) continue;
    gone.push_back(&one);
    sequences.push_back(one.job.sequence);
  }
  const auto removed = parts_.broker.admin().remove(parts_.names.scheduled_stream(), sequences);
  for (std::size_t i = 0; i < removed.size(); ++i) {
    if (!removed[i]) return removed[i].error();
    if (*removed[i]) continue;
    if (auto later = remove_later_version(*gone[i]); !later) return later;
  }
  return {};
}

// Somebody gave it another time while it was on its way: too late. Who did so finds it in its queue.
Result<void> Handoff::remove_later_version(const Moving& moving) {
  const std::string stream = parts_.names.scheduled_stream();
  const auto there = parts_.broker.admin().read_last(stream, moving.job.subject);
  if (!there) return there.error();
  if (!*there || to_rfc3339(enqueued_at(**there)) != to_rfc3339(enqueued_at(moving.job))) return {};  // another job
  const auto removed = parts_.broker.admin().remove(stream, (*there)->sequence);
  return removed ? Result<void>() : removed.error();
}

}  // namespace leat
