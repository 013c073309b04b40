#include "jobs/dependents.h"

#include <algorithm>

#include "core/text.h"
#include "jobs/result_record.h"
#include "jobs/unique_key.h"

namespace leat {
namespace {

// Done records are kept for 7 days: long before that it is written down that a parent is done.
constexpr Duration kRememberAfter = std::chrono::hours(24);
constexpr Duration kKeyTaken = std::chrono::seconds(1);  // before a unique job is tried again
constexpr std::size_t kReadAtOnce = 100;                 // jobs, with their payloads
constexpr std::size_t kLookUpAtOnce = 500;               // parents; those that wait too are read with their payloads
constexpr std::size_t kMoveAtOnce = 8 << 20;             // bytes
constexpr std::size_t kCancelAtOnce = 100;               // jobs: each is a few calls of its own

}  // namespace

Result<void> Dependents::add(std::span<const StoredMessage> jobs) {
  std::vector<std::uint64_t> sequences;
  for (const StoredMessage& job : jobs) {
    if (is_waiting_job(job)) sequences.push_back(job.sequence);
  }
  std::vector<JobId> parents;
  for (std::span<const std::uint64_t> rest(sequences); !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kReadAtOnce));
    if (auto read = read_some(some, parents); !read) return read;
    rest = rest.subspan(some.size());
  }
  return look_up(std::move(parents));
}

Result<void> Dependents::read_some(std::span<const std::uint64_t> sequences, std::vector<JobId>& parents) {
  for (const auto& whole : parts_.broker.admin().read(parts_.places.names().scheduled_stream(), sequences)) {
    if (!whole) return whole.error();
    if (!*whole) continue;  // cancelled, or replaced by a later version that comes yet
    if (auto added = add_one(**whole); !added) return added;
    auto waiting = read_waiting(**whole);
    if (!waiting) continue;
    std::move(waiting->parents.begin(), waiting->parents.end(), std::back_inserter(parents));
  }
  return {};
}

Result<void> Dependents::add_one(const StoredMessage& job) {
  const auto id = parts_.places.names().scheduled_id(job.subject);
  const auto waiting = read_waiting(job);
  if (!id || !waiting) {
    parts_.log.warn("a message among the waiting jobs is none, and is left alone", {{"subject", job.subject}});
    return {};
  }
  drop(id->str());
  Child child{.sequence = job.sequence,
              .bytes = job.payload.size(),
              .if_dead = waiting->if_dead,
              .waits_for = {},
              .dead_parent = {},
              .resolved = {}};
  for (const JobId& parent : waiting->parents) {
    if (child.waits_for.try_emplace(parent.str()).second) by_parent_[parent.str()].push_back(id->str());
  }
  if (child.waits_for.empty()) ready_.push_back(id->str());
  children_.insert_or_assign(id->str(), std::move(child));
  return {};
}

void Dependents::drop(const std::string& id) {
  const auto found = children_.find(id);
  if (found == children_.end()) return;
  for (const auto& [parent, since] : found->second.waits_for) {
    const auto waiters = by_parent_.find(parent);
    if (waiters == by_parent_.end()) continue;
    std::erase(waiters->second, id);
    if (waiters->second.empty()) by_parent_.erase(waiters);
  }
  children_.erase(found);
}

void Dependents::ended(const std::string& id, const JobResult& result) {
  const auto found = by_parent_.find(id);
  if (found == by_parent_.end()) return;
  const SystemTime now = parts_.broker.clock().now();
  std::erase_if(found->second, [&](const std::string& name) {
    const auto waiter = children_.find(name);
    if (waiter == children_.end()) return true;
    Child& child = waiter->second;
    if (is_outdated(result, child.waits_for[id])) return false;
    child.waits_for.erase(id);
    if (!child.resolved) child.resolved = now;
    if (result.state != JobResult::State::kDone && child.if_dead == IfDead::kCancel) {
      if (child.dead_parent.empty()) lost_.push_back(name);
      child.dead_parent = id;
    } else if (child.waits_for.empty() && child.dead_parent.empty()) {
      ready_.push_back(name);
    }
    return true;
  });
  if (found->second.empty()) by_parent_.erase(found);
}

// Those that have waited longer may mean an earlier one with this id.
void Dependents::note_enqueued(const std::string& parent, SystemTime at) {
  const auto found = by_parent_.find(parent);
  if (found == by_parent_.end()) return;
  for (const std::string& name : found->second) {
    const auto waiter = children_.find(name);
    if (waiter == children_.end()) continue;
    SystemTime& known = waiter->second.waits_for[parent];
    if (known == SystemTime{}) known = at;
  }
}

// Many may wait for the same ones.
Result<void> Dependents::look_up(std::vector<JobId> parents) {
  std::sort(parents.begin(), parents.end());
  parents.erase(std::unique(parents.begin(), parents.end()), parents.end());
  for (std::span<const JobId> rest(parents); !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kLookUpAtOnce));
    if (auto looked = look_up_some(some); !looked) return looked;
    rest = rest.subspan(some.size());
  }
  return {};
}

// Who is recorded has ended, unless it lies in one of its places again.
Result<void> Dependents::look_up_some(std::span<const JobId> parents) {
  const auto enqueued = parts_.places.enqueued_at(parents);
  const auto done = parts_.places.done(parents);
  std::vector<JobId> gone;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const std::string parent = parents[i].str();
    if (!enqueued[i]) return enqueued[i].error();
    if (!done[i] && done[i].error().code() != ErrorCode::kCorrupt) return done[i].error();
    if (*enqueued[i]) note_enqueued(parent, **enqueued[i]);
    if (done[i] && *done[i]) ended(parent, **done[i]);
    if (!*enqueued[i] && by_parent_.contains(parent)) gone.push_back(parents[i]);
  }
  return cancel_children_of_the_gone(gone);
}

// A tracked job is in one of its places, or leaves a record before it goes from the last of them. One that has done
// neither was purged, or removed by hand; or its id was taken into use again a moment ago, and its record cleared away.
Result<void> Dependents::cancel_children_of_the_gone(const std::vector<JobId>& parents) {
  if (parents.empty()) return {};
  const auto enqueued = parts_.places.enqueued_at(parents);
  for (std::size_t i = 0; i < parents.size(); ++i) {
    if (!enqueued[i]) return enqueued[i].error();
    if (*enqueued[i]) continue;
    const std::string parent = parents[i].str();
    parts_.log.warn("a job that others wait for is gone without a record: it counts as cancelled",
                    {{"job_id", parent}});
    ended(parent, {.state = JobResult::State::kCancelled});
  }
  return {};
}

Result<void> Dependents::resolve() {
  if (auto cancelled = cancel_lost(); !cancelled) return cancelled;
  return move_ready();
}

Result<void> Dependents::move_ready() {
  std::vector<std::uint64_t> sequences;
  std::size_t bytes = 0;
  while (!ready_.empty() && sequences.size() < Handoff::kMostAtOnce && bytes < kMoveAtOnce) {
    const auto found = children_.find(ready_.front());
    ready_.pop_front();
    if (found == children_.end()) continue;
    const Child& child = found->second;
    if (!child.waits_for.empty() || !child.dead_parent.empty()) continue;
    sequences.push_back(child.sequence);
    bytes += child.bytes;
    children_.erase(found);
  }
  const auto moved = parts_.handoff.move(sequences);
  if (!moved) return moved.error();
  for (const std::uint64_t sequence : moved->kept) {
    parts_.timetable.add(parts_.broker.clock().now() + kKeyTaken, sequence);
  }
  return {};
}

Result<void> Dependents::cancel_lost() {
  for (std::size_t i = 0; i < kCancelAtOnce && !lost_.empty(); ++i) {
    const std::string id = std::move(lost_.front());
    lost_.pop_front();
    const auto found = children_.find(id);
    if (found == children_.end() || found->second.dead_parent.empty()) continue;
    if (auto cancelled = cancel(id, found->second); !cancelled) return cancelled;
    drop(id);
  }
  return {};
}

// The record before the removal: whoever waits for this one learns of it in any case.
Result<void> Dependents::cancel(const std::string& id, const Child& child) {
  const std::string stream = parts_.places.names().scheduled_stream();
  const auto job = parts_.broker.admin().read(stream, child.sequence);
  if (!job) return job.error();
  if (!*job) return {};
  const EndedJob ended{.job = &**job,
                       .id = id,
                       .result = {.state = JobResult::State::kCancelled,
                                  .error = "job " + child.dead_parent + ", which it waited for, is dead or cancelled",
                                  .finished_at = parts_.broker.clock().now(),
                                  .enqueued_at = enqueued_at(**job)}};
  const auto live = is_unique(**job) ? parts_.places.queued(JobId::parse(id).value_or(JobId{}))
                                     : JobPlaces::Found(std::optional<StoredMessage>{});
  if (!live) return live.error();
  // What is kept under an id that both have tells of the one in the queue alone.
  if (!*live) {
    if (auto written = std::move(parts_.endings.write({&ended, 1}).front()); !written) return written;
  }
  const auto removed = parts_.broker.admin().remove(stream, child.sequence);
  if (!removed) return removed.error();
  if (parts_.events.wanted()) {
    parts_.events.tell({.what = JobEvent::What::kCancelled,
                        .job = JobId::parse(id).value_or(JobId{}),
                        .kind = std::string((*job)->headers.get(wire::kKind).value_or("")),
                        .error = ended.result.error});
  }
  parts_.log.info("a job is cancelled with the one that it waited for",
                  {{"job_id", id}, {"waited_for", child.dead_parent}});
  return {};
}

Result<void> Dependents::sweep() {
  std::vector<JobId> parents;
  for (const auto& [parent, waiters] : by_parent_) {
    if (auto id = JobId::parse(parent)) parents.push_back(std::move(*id));
  }
  if (auto looked = look_up(std::move(parents)); !looked) return looked;
  const SystemTime now = parts_.broker.clock().now();
  for (auto& [id, child] : children_) {
    if (!child.resolved || now - *child.resolved < kRememberAfter) continue;
    if (!child.dead_parent.empty() || child.waits_for.empty()) continue;  // about to go
    if (auto remembered = remember(id, child); !remembered) return remembered;
  }
  return {};
}

// The same job with those parents alone that it still waits for.
Result<void> Dependents::remember(const std::string& id, Child& child) {
  const std::string stream = parts_.places.names().scheduled_stream();
  auto job = parts_.broker.admin().read(stream, child.sequence);
  if (!job) return job.error();
  if (!*job) return {};
  WaitingJob waiting{.parents = {}, .if_dead = child.if_dead};
  for (const auto& [parent, since] : child.waits_for) {
    if (auto parsed = JobId::parse(parent)) waiting.parents.push_back(std::move(*parsed));
  }
  AppendRequest request{.message = static_cast<const Message&>(**job),
                        .message_id = stream + "-" + std::to_string(child.sequence),
                        .expected_last = child.sequence};
  request.message.headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(**job)));
  if (auto plain = make_plain(request.message); !plain) return plain;
  make_waiting(request.message, waiting);
  const auto appended = parts_.broker.append(stream, {&request, 1}).front();
  if (!appended) return appended.error().code() == ErrorCode::kConflict ? Result<void>() : appended.error();
  child.sequence = appended->sequence;
  child.resolved.reset();
  parts_.log.debug("written down which parents a job still waits for", {{"job_id", id}});
  return {};
}

}  // namespace leat
