#include "jobs/handoff.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "core/mutex.h"
#include "core/text.h"
#include "core/thread.h"
#include "jobs/due_time.h"
#include "jobs/handoff_reader.h"
#include "jobs/sequence_list.h"
#include "jobs/waiting_job.h"

namespace leat {
namespace {

constexpr std::string_view kClaimsKey = "claims";
constexpr std::size_t kThreads = 3;  // one for each of reading, appending, removing
constexpr std::string_view kDropped = "when its time came, another job had its unique key";

struct Claims {
  std::vector<std::uint64_t> claimed;
  std::vector<std::uint64_t> moved;
};

Claims parse_claims(const std::string& text) {
  const auto record = nlohmann::json::parse(text, nullptr, false);
  const auto list = [&](const char* name) {
    return record.is_object() && record.contains(name) ? sequences_in(record[name], 2 * Handoff::kMostInARow)
                                                       : std::vector<std::uint64_t>();
  };
  return {list("claimed"), list("moved")};
}

}  // namespace

Handoff::Handoff(Parts parts)
    : parts_(std::move(parts)), claim_(parts_.claims, std::string(kClaimsKey), parts_.still_leads) {}

Result<Handoff::Claim> Handoff::claim_of(KeyValue& claims, std::span<const std::uint64_t> sequences) {
  const auto entry = claims.get(std::string(kClaimsKey));
  if (!entry) return entry.error();
  if (!*entry) return Claim::kNone;
  const Claims claims_there = parse_claims((*entry)->value);
  const auto names_one = [&](const std::vector<std::uint64_t>& list) {
    return std::find_first_of(list.begin(), list.end(), sequences.begin(), sequences.end()) != list.end();
  };
  if (names_one(claims_there.claimed)) return Claim::kClaimed;
  return names_one(claims_there.moved) ? Claim::kMoved : Claim::kNone;
}

std::string Handoff::record(std::span<const std::uint64_t> claimed) const {
  return nlohmann::json{{"version", 1},
                        {"claimed", list_sequences(claimed)},
                        {"moved", list_sequences(std::vector<std::uint64_t>(overtaken_.begin(), overtaken_.end()))}}
      .dump();
}

void Handoff::note_overtaken(std::uint64_t sequence) {
  overtaken_.push_back(sequence);
  if (overtaken_.size() > kMostInARow) overtaken_.pop_front();
}

Result<std::vector<std::uint64_t>> Handoff::gone_of(std::span<const std::uint64_t> sequences) {
  const auto there = parts_.broker.admin().read(parts_.names.scheduled_stream(), sequences);
  std::vector<std::uint64_t> gone;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (!there[i]) return there[i].error();
    if (!*there[i]) gone.push_back(sequences[i]);
  }
  return gone;
}

// The leader before may have put an earlier version into its queue: one that has replaced it since ends as that one.
Result<void> Handoff::end_later_versions(std::span<const std::uint64_t> gone, SystemTime claimed_at) {
  const auto later = later_versions(gone, claimed_at);
  if (!later) return later.error();
  std::vector<std::uint64_t> sequences;
  for (const auto& [sequence, claimed] : *later) sequences.push_back(sequence);
  HandoffReader reader(parts_.broker, parts_.names.scheduled_stream(), sequences);
  std::vector<Moving> moving;
  while (!reader.is_over()) {
    auto jobs = reader.next({});
    if (!jobs) return jobs.error();
    auto prepared = prepare(std::move(*jobs));
    std::move(prepared.begin(), prepared.end(), std::back_inserter(moving));
  }
  for (Moving& one : moving) one.request.message_id = message_id(later->at(one.job.sequence));
  const SystemTime now = parts_.broker.clock().now();
  if (auto appended = append(moving); !appended) return appended;
  tell(moving, now);
  return remove(moving);
}

// Those that have replaced a claimed one, and which. What came before the claim is not meant: the leader found nothing.
Result<std::map<std::uint64_t, std::uint64_t>> Handoff::later_versions(std::span<const std::uint64_t> gone,
                                                                       SystemTime claimed_at) {
  std::map<std::uint64_t, std::uint64_t> found;
  const std::set<std::uint64_t> claimed(gone.begin(), gone.end());
  if (claimed.empty()) return found;
  auto reader = parts_.broker.open_reader({.stream = parts_.names.scheduled_stream(),
                                           .from_sequence = *claimed.begin() + 1,
                                           .from_time = claimed_at,
                                           .headers_only = true});
  if (!reader) return reader.error();
  while (true) {
    const auto messages = (*reader)->read({}, {});
    if (!messages) return messages.error();
    if (messages->empty()) return found;
    for (const StoredMessage& later : *messages) {
      for (const std::uint64_t sequence : versions_of(later)) {
        if (claimed.contains(sequence)) found.emplace(later.sequence, sequence);
      }
    }
  }
}

Result<void> Handoff::release_old_claim() {
  const auto before = parts_.claims.get(std::string(kClaimsKey));
  if (!before) return before.error();
  std::vector<std::uint64_t> claimed;
  auto taken = claim_.take_over([&](const std::string& there) {
    Claims left = parse_claims(there);
    claimed = std::move(left.claimed);
    overtaken_.assign(left.moved.begin(), left.moved.end());
    return record(claimed);
  });
  if (!taken || claimed.empty()) return taken;
  const auto gone = gone_of(claimed);
  if (!gone) return gone.error();
  const SystemTime claimed_at = *before ? (*before)->time : SystemTime{};
  if (auto ended = end_later_versions(*gone, claimed_at); !ended) return ended;
  // The leader before has moved them, or somebody else has removed them: who did so is not to believe that it was in
  // time.
  for (const std::uint64_t sequence : *gone) note_overtaken(sequence);
  const auto moved = move(claimed);
  return moved ? Result<void>() : moved.error();
}

// One move: chunks that a few threads take in turn, so that the broker reads, appends and removes at the same time.
// What lies in a row is removed at the end, all at once.
class Handoff::Run {
 public:
  Run(Handoff& handoff, std::span<const std::uint64_t> sequences)
      : handoff_(handoff),
        in_a_row_(are_in_a_row(sequences)),
        threads_(sequences.size() <= HandoffReader::kChunk ? 1 : kThreads),
        jobs_(handoff.parts_.broker, handoff.parts_.names.scheduled_stream(), sequences) {}

  struct Ran {
    std::vector<Moving> moving;
    std::optional<Error> failure;
  };
  // What has gone to its queue is removed also after a failure: otherwise it would be moved again.
  Ran run() LEAT_EXCLUDES(reading_, mutex_) {
    std::vector<Thread> helpers;
    for (std::size_t i = 1; i < threads_; ++i) {
      helpers.push_back(start_thread("handoff", [this](const std::stop_token&) { work(); }));
    }
    work();
    helpers.clear();  // joins them
    MutexLock lock(mutex_);
    const auto removed = in_a_row_ ? handoff_.remove(moving_) : Result<void>();
    if (!removed && !failure_) failure_ = removed.error();
    return {std::move(moving_), failure_};
  }

 private:
  struct Chunk {
    std::size_t number = 0;
    std::vector<Moving> moving;
  };

  void work() LEAT_EXCLUDES(reading_, mutex_) {
    for (auto chunk = read(); chunk; chunk = read()) {
      if (auto moved = move(*chunk); !moved) return fail(moved.error());
    }
  }

  // Nothing when all has been read, or another chunk has failed.
  std::optional<Chunk> read() LEAT_EXCLUDES(reading_, mutex_) {
    MutexLock turn(reading_);
    if (jobs_.is_over() || has_failed()) return std::nullopt;
    auto jobs = jobs_.next(failed_.get_token());
    if (!jobs) {
      fail(jobs.error());
      return std::nullopt;
    }
    return Chunk{.number = read_++, .moving = handoff_.prepare(std::move(*jobs))};
  }

  Result<void> move(Chunk& chunk) LEAT_EXCLUDES(mutex_) {
    if (!wait_for_turn(chunk.number)) return {};
    if (!handoff_.parts_.still_leads()) return Error(ErrorCode::kLeaseLost, "another scheduler leads");
    const auto appended = handoff_.append(chunk.moving);
    if (appended) end_turn();
    const auto removed = in_a_row_ ? Result<void>() : handoff_.remove(chunk.moving);
    MutexLock lock(mutex_);
    std::move(chunk.moving.begin(), chunk.moving.end(), std::back_inserter(moving_));
    return appended ? removed : appended;
  }

  // Jobs that are due earlier lie before the others in their queues. False when another chunk has failed.
  bool wait_for_turn(std::size_t number) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    changed_.wait(mutex_, [&]() LEAT_REQUIRES(mutex_) { return appended_ == number || failure_; });
    return !failure_;
  }
  void end_turn() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++appended_;
    changed_.notify_all();
  }

  bool has_failed() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return failure_.has_value();
  }
  void fail(const Error& error) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!failure_) failure_ = error;
    changed_.notify_all();
    failed_.request_stop();
  }

  Handoff& handoff_;
  const bool in_a_row_;
  const std::size_t threads_;
  std::stop_source failed_;
  Mutex reading_;
  HandoffReader jobs_ LEAT_GUARDED_BY(reading_);
  std::size_t read_ LEAT_GUARDED_BY(reading_) = 0;  // chunks
  Mutex mutex_;
  CondVar changed_;
  std::size_t appended_ LEAT_GUARDED_BY(mutex_) = 0;    // chunks
  std::vector<Moving> moving_ LEAT_GUARDED_BY(mutex_);  // that were appended
  std::optional<Error> failure_ LEAT_GUARDED_BY(mutex_);
};

Result<Handoff::Moved> Handoff::move(std::span<const std::uint64_t> sequences) {
  if (sequences.empty()) return Moved{};
  if (auto claimed = claim_.write(record(sequences)); !claimed) return claimed.error();
  const SystemTime now = parts_.broker.clock().now();
  const auto ran = Run(*this, sequences).run();
  tell(ran.moving, now);
  if (ran.failure) return *ran.failure;
  Moved report;
  for (const Moving& one : ran.moving) {
    if (one.end == Moving::End::kKept) report.kept.push_back(one.job.sequence);
    if (one.overtaken) note_overtaken(one.job.sequence);
    report.bytes += one.bytes;
  }
  if (auto released = claim_.write(record({})); !released) return released.error();
  return report;
}

std::vector<Handoff::Moving> Handoff::prepare(std::vector<StoredMessage> jobs) {
  std::vector<Moving> moving;
  moving.reserve(jobs.size());
  for (StoredMessage& job : jobs) {
    if (auto prepared = prepare(job)) {
      moving.push_back(std::move(*prepared));
    } else {
      tell_refused(job, prepared.error());
    }
  }
  return moving;
}

void Handoff::tell_refused(const StoredMessage& job, const Error& error) {
  parts_.log.error("a job cannot be put into its queue, and is left where it waits until it is cancelled or removed",
                   {{"subject", job.subject}, {"sequence", job.sequence}, {"error", error.message()}});
}

std::string Handoff::message_id(std::uint64_t sequence) const {
  return parts_.names.scheduled_stream() + "-" + std::to_string(sequence);
}

// Takes the job out of `job`, but not after an error.
Result<Handoff::Moving> Handoff::prepare(StoredMessage& job) const {
  const auto id = parts_.names.scheduled_id(job.subject);
  if (!id) return Error(ErrorCode::kCorrupt, "no job has the subject " + job.subject);
  Message message = static_cast<const Message&>(job);
  if (is_waiting_job(message)) {
    if (auto plain = make_plain(message); !plain) return plain.error();
  }
  message.subject = parts_.names.subject(*id);
  const std::string moved_from = message_id(job.sequence);
  message.headers.set(wire::kMovedFrom, moved_from);
  message.headers.erase(wire::kReplaces);
  message.headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(job)));
  return Moving{.job = std::move(job),
                .request = {.message = std::move(message), .message_id = moved_from, .expected_last = 0}};
}

// One append for each priority's stream. After an error some have been appended all the same. The payloads are not
// kept.
Result<void> Handoff::append(std::vector<Moving>& moving) {
  std::optional<Error> failure;
  for (const Priority priority : kPriorities) {
    if (failure) break;
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
      const auto ended = end_append(*places[i], appended[i]);
      if (!ended && !failure) failure = ended.error();
    }
  }
  for (Moving& one : moving) {
    one.bytes = one.job.payload.size();
    one.job.payload = {};
    one.request = {};
  }
  return failure ? Result<void>(*failure) : Result<void>();
}

Result<void> Handoff::end_append(Moving& moving, const Result<Appended>& appended) {
  if (appended) {
    moving.end = Moving::End::kMoved;
    return {};
  }
  if (appended.error().code() == ErrorCode::kConflict) return look_at_conflict(moving);
  if (appended.error().code() != ErrorCode::kInvalidArgument) return appended.error();
  moving.end = Moving::End::kRefused;
  tell_refused(moving.job, appended.error());
  return {};
}

// What was there may be done meanwhile: then there is room.
Result<void> Handoff::look_at_conflict(Moving& moving) {
  constexpr int kTries = 10;
  const Message& message = moving.request.message;
  const auto id = parts_.names.id_of(message);
  if (!id) return id.error();
  const std::string stream = parts_.names.stream(id->priority());
  for (int i = 0; i < kTries; ++i) {
    const auto there = parts_.broker.admin().read_last(stream, message.subject);
    if (!there) return there.error();
    if (*there) {
      moving.end = end_beside(moving, **there);
      return {};
    }
    const auto appended = parts_.broker.append(stream, {&moving.request, 1}).front();
    if (appended || appended.error().code() != ErrorCode::kConflict) return end_append(moving, appended);
  }
  return Error(ErrorCode::kUnavailable, "job " + id->str() + " comes and goes");
}

// It lies there already, put by an earlier try or under an earlier time; or another job has its unique key, and then it
// is dropped or waits on. Who has the key has the id: what is kept under it is to tell of that one alone.
Handoff::Moving::End Handoff::end_beside(const Moving& moving, const StoredMessage& there) {
  if (was_moved_from(there, moving.job)) return Moving::End::kMoved;
  if (moving.request.message.headers.get(wire::kIfTaken) == wire::kWait) return Moving::End::kKept;
  parts_.log.warn("a job is dropped: when its time came, another one had its unique key",
                  {{"job_id", parts_.names.id_of(moving.request.message)->str()}});
  return Moving::End::kDropped;
}

void Handoff::tell(const std::vector<Moving>& moving, SystemTime at) {
  if (!parts_.events.wanted()) return;
  for (const Moving& one : moving) {
    if (one.stays()) continue;
    const bool dropped = one.end == Moving::End::kDropped;
    parts_.events.tell({.what = dropped ? JobEvent::What::kCancelled : JobEvent::What::kDue,
                        .at = at,
                        .job = parts_.names.scheduled_id(one.job.subject).value_or(JobId{}),
                        .kind = std::string(one.job.headers.get(wire::kKind).value_or("")),
                        .error = dropped ? std::string(kDropped) : ""});
  }
}

Result<void> Handoff::remove(std::vector<Moving>& moving) {
  std::vector<Moving*> gone;
  std::vector<std::uint64_t> sequences;
  for (Moving& one : moving) {
    if (one.stays()) continue;
    gone.push_back(&one);
    sequences.push_back(one.job.sequence);
  }
  const auto removed = parts_.broker.admin().remove(parts_.names.scheduled_stream(), sequences);
  std::vector<const Moving*> overtaken;
  for (std::size_t i = 0; i < removed.size(); ++i) {
    if (!removed[i]) return removed[i].error();
    if (*removed[i]) continue;
    gone[i]->overtaken = true;
    overtaken.push_back(gone[i]);
  }
  return remove_later_versions(overtaken);
}

// Somebody gave them another time while they were on their way: too late. Who did so finds them in their queues.
Result<void> Handoff::remove_later_versions(std::span<const Moving* const> moving) {
  if (moving.empty()) return {};
  const std::string stream = parts_.names.scheduled_stream();
  std::vector<std::string> subjects;
  for (const Moving* one : moving) subjects.push_back(one->job.subject);
  const auto there = parts_.broker.admin().read_last(stream, subjects);
  std::vector<std::uint64_t> later;
  for (std::size_t i = 0; i < moving.size(); ++i) {
    if (!there[i]) return there[i].error();
    if (!*there[i] || to_rfc3339(enqueued_at(**there[i])) != to_rfc3339(enqueued_at(moving[i]->job))) {
      continue;  // nothing, or another job
    }
    later.push_back((*there[i])->sequence);
  }
  for (const auto& removed : parts_.broker.admin().remove(stream, later)) {
    if (!removed) return removed.error();
  }
  return {};
}

}  // namespace leat
