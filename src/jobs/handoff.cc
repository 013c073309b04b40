#include "jobs/handoff.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/mutex.h"
#include "core/text.h"
#include "core/thread.h"
#include "jobs/waiting_job.h"

namespace leat {
namespace {

constexpr std::string_view kClaimsKey = "claims";
constexpr std::size_t kChunk = 500;  // jobs
constexpr std::size_t kThreads = 3;  // one for each of reading, appending, removing
constexpr std::string_view kDropped = "when its time came, another job had its unique key";

struct Claims {
  std::vector<std::uint64_t> claimed;
  std::vector<std::uint64_t> moved;
};

Claims parse_claims(const std::string& text) {
  const auto record = nlohmann::json::parse(text, nullptr, false);
  const auto sequences_of = [&](const char* list) {
    std::vector<std::uint64_t> sequences;
    if (!record.is_object() || !record.contains(list) || !record[list].is_array()) return sequences;
    for (const auto& sequence : record[list]) {
      if (sequence.is_number_unsigned()) sequences.push_back(sequence.get<std::uint64_t>());
    }
    return sequences;
  };
  return {sequences_of("claimed"), sequences_of("moved")};
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
  return nlohmann::json{{"version", 1}, {"claimed", claimed}, {"moved", overtaken_}}.dump();
}

void Handoff::note_overtaken(std::uint64_t sequence) {
  overtaken_.push_back(sequence);
  if (overtaken_.size() > kMostAtOnce) overtaken_.pop_front();
}

// What is gone, the leader before has moved, or somebody else has removed: who did so is not to believe that it was in
// time.
Result<void> Handoff::note_gone(std::span<const std::uint64_t> sequences) {
  const auto there = parts_.broker.admin().read(parts_.names.scheduled_stream(), sequences);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (!there[i]) return there[i].error();
    if (!*there[i]) note_overtaken(sequences[i]);
  }
  return {};
}

Result<void> Handoff::release_old_claim() {
  std::vector<std::uint64_t> claimed;
  auto taken = claim_.take_over([&](const std::string& there) {
    Claims left = parse_claims(there);
    claimed = std::move(left.claimed);
    overtaken_.assign(left.moved.begin(), left.moved.end());
    return record(claimed);
  });
  if (!taken || claimed.empty()) return taken;
  if (auto noted = note_gone(claimed); !noted) return noted;
  const auto moved = move(claimed);
  return moved ? Result<void>() : moved.error();
}

// One move: chunks that a few threads take in turn, so that the broker reads, appends and removes at the same time.
class Handoff::Run {
 public:
  Run(Handoff& handoff, std::span<const std::uint64_t> sequences)
      : handoff_(handoff), chunks_((sequences.size() + kChunk - 1) / kChunk), rest_(sequences) {}

  // Everything that was moved.
  Result<std::vector<Moving>> run() LEAT_EXCLUDES(mutex_) {
    std::vector<Thread> helpers;
    for (std::size_t i = 1; i < std::min(chunks_, kThreads); ++i) {
      helpers.push_back(start_thread("handoff", [this](const std::stop_token&) { work(); }));
    }
    work();
    helpers.clear();  // joins them
    MutexLock lock(mutex_);
    if (failure_) return *failure_;
    return std::move(moved_);
  }

 private:
  struct Chunk {
    std::size_t number = 0;
    std::span<const std::uint64_t> sequences;
  };

  void work() LEAT_EXCLUDES(mutex_) {
    for (Chunk chunk = take(); !chunk.sequences.empty(); chunk = take()) {
      auto moved = move(chunk);
      MutexLock lock(mutex_);
      if (!moved && !failure_) failure_ = moved.error();
      changed_.notify_all();
      if (failure_) return;
    }
  }

  Chunk take() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (failure_) return {};
    const Chunk chunk{.number = taken_++, .sequences = rest_.first(std::min(rest_.size(), kChunk))};
    rest_ = rest_.subspan(chunk.sequences.size());
    return chunk;
  }

  Result<void> move(const Chunk& chunk) LEAT_EXCLUDES(mutex_) {
    auto moving = handoff_.read(chunk.sequences);
    if (!moving) return moving.error();
    if (!wait_for_turn(chunk.number)) return {};
    if (!handoff_.parts_.still_leads()) return Error(ErrorCode::kLeaseLost, "another scheduler leads");
    if (auto appended = handoff_.append(*moving); !appended) return appended;
    end_turn();
    if (auto removed = handoff_.remove(*moving); !removed) return removed;
    MutexLock lock(mutex_);
    std::move(moving->begin(), moving->end(), std::back_inserter(moved_));
    return {};
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

  Handoff& handoff_;
  const std::size_t chunks_;
  Mutex mutex_;
  CondVar changed_;
  std::span<const std::uint64_t> rest_ LEAT_GUARDED_BY(mutex_);
  std::size_t taken_ LEAT_GUARDED_BY(mutex_) = 0;
  std::size_t appended_ LEAT_GUARDED_BY(mutex_) = 0;  // chunks
  std::vector<Moving> moved_ LEAT_GUARDED_BY(mutex_);
  std::optional<Error> failure_ LEAT_GUARDED_BY(mutex_);
};

Result<Handoff::Moved> Handoff::move(std::span<const std::uint64_t> sequences) {
  if (sequences.empty()) return Moved{};
  if (auto claimed = claim_.write(record(sequences)); !claimed) return claimed.error();
  const SystemTime now = parts_.broker.clock().now();
  const auto moving = Run(*this, sequences).run();
  if (!moving) return moving.error();
  tell(*moving, now);
  Moved report;
  for (const Moving& one : *moving) {
    if (one.end == Moving::End::kKept) report.kept.push_back(one.job.sequence);
    if (one.overtaken) note_overtaken(one.job.sequence);
    report.bytes += one.job.payload.size();
  }
  if (auto released = claim_.write(record({})); !released) return released.error();
  return report;
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
  message.headers.erase(wire::kReplaces);
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
      if (appended[i].error().code() == ErrorCode::kInvalidArgument) {
        places[i]->end = Moving::End::kRefused;
        parts_.log.error("a job that is due cannot be stored in its queue, and stays where it is",
                         {{"subject", places[i]->job.subject}, {"error", appended[i].error().message()}});
        continue;
      }
      if (appended[i].error().code() != ErrorCode::kConflict) return appended[i].error();
      if (auto checked = check_conflict(*places[i]); !checked) return checked;
    }
  }
  return {};
}

// It lies there already, put by an earlier try or under an earlier time; or another job has its unique key, and then it
// is dropped or waits on. Who has the key has the id: what is kept under it is to tell of that one alone.
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
  return {};
}

bool Handoff::stays(const Moving& moving) {
  return moving.end == Moving::End::kKept || moving.end == Moving::End::kRefused;
}

void Handoff::tell(const std::vector<Moving>& moving, SystemTime at) {
  if (!parts_.events.wanted()) return;
  for (const Moving& one : moving) {
    if (stays(one)) continue;
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
    if (stays(one)) continue;
    gone.push_back(&one);
    sequences.push_back(one.job.sequence);
  }
  const auto removed = parts_.broker.admin().remove(parts_.names.scheduled_stream(), sequences);
  for (std::size_t i = 0; i < removed.size(); ++i) {
    if (!removed[i]) return removed[i].error();
    if (*removed[i]) continue;
    gone[i]->overtaken = true;
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
