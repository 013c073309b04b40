#include "jobs/attempt_book.h"

#include <algorithm>

namespace leat {
namespace {

// Clocks of machines differ a little, and brokers wake a little early.
constexpr Duration kDueSlack = std::chrono::milliseconds(20);
constexpr Duration kLookAgain = std::chrono::seconds(1);  // at a record that cannot be relied on now

// False for what would fail in the same way again.
bool may_work_later(const Error& error) {
  using enum ErrorCode;
  return error.code() == kUnavailable || error.code() == kUnknown || error.code() == kConflict || error.code() == kFull;
}

}  // namespace

std::string AttemptBook::key_of(const HeldJob& job) const {
  return parts_.names.id_text(job.delivery.message);
}

void AttemptBook::take_in(HeldJob& job, const KeyEntry& entry) const {
  auto record = AttemptRecord::from_json(entry.value);
  if (!record)
    parts_.log.warn("attempt record is unreadable and starts anew",
                    {{"key", entry.key}, {"error", record.error().message()}});
  job.record = record && record->sequence == job.delivery.message.sequence ? std::move(*record) : AttemptRecord{};
  job.record.revision = entry.revision;
  if (knows_better(job, entry.key, job.record)) {
    job.record = {.due = parts_.clock.now() + kLookAgain};
  } else {
    job.record.count_crash_before(job.delivery.lease.delivery_count);
  }
}

std::vector<HeldJob*> AttemptBook::load(std::span<HeldJob* const> jobs) {
  std::vector<std::string> keys;
  keys.reserve(jobs.size());
  for (const HeldJob* job : jobs) keys.push_back(key_of(*job));
  const auto entries = bucket_->read(keys);
  const SystemTime now = parts_.clock.now();
  std::vector<HeldJob*> early;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    HeldJob& job = *jobs[i];
    if (!entries[i]) {
      parts_.log.warn("attempt record cannot be read; the job waits",
                      {{"key", keys[i]}, {"error", entries[i].error().message()}});
      job.record.due = now + kLookAgain;
    } else if (*entries[i]) {
      take_in(job, **entries[i]);
    }
    if (job.record.due && *job.record.due > now + kDueSlack) early.push_back(&job);
  }
  return early;
}

Result<void> AttemptBook::mark_started(HeldJob& job) {
  job.record.started = AttemptRecord::Start{
      .delivery = job.delivery.lease.delivery_count, .at = parts_.clock.now(), .worker = parts_.worker};
  job.record.unknown_since.reset();
  HeldJob* const one = &job;
  return std::move(store({&one, 1}).front());
}

std::vector<Result<void>> AttemptBook::store(std::span<HeldJob* const> jobs) {
  std::vector<KeyWrite> writes;
  writes.reserve(jobs.size());
  for (HeldJob* job : jobs) {
    job->record.sequence = job->delivery.message.sequence;
    writes.push_back({.kind = job->record.revision == 0 ? KeyWrite::Kind::kCreate : KeyWrite::Kind::kUpdate,
                      .key = key_of(*job),
                      .value = job->record.to_json(),
                      .revision = job->record.revision});
  }
  auto written = bucket_->write(writes);
  std::vector<Result<void>> results(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (written[i]) {
      jobs[i]->record.revision = *written[i];
    } else if (written[i].error().code() == ErrorCode::kConflict || written[i].error().code() == ErrorCode::kUnknown) {
      results[i] = settle_conflict(*jobs[i], writes[i].key, writes[i]);
    } else {
      results[i] = written[i].error();
    }
  }
  return results;
}

// Somebody wrote this record since it was read: this worker, in a write whose answer was lost; an earlier message under
// the same id, whose record stayed behind; or another worker: one that has the job now, or one that had it and took its
// mark back late. In the last two cases nothing is certain but that the lease will run out.
Result<void> AttemptBook::settle_conflict(HeldJob& job, const std::string& key, const KeyWrite& write) {
  const auto entry = bucket_->get(key);
  if (!entry) return entry.error();
  if (*entry && (*entry)->value == write.value) {
    job.record.revision = (*entry)->revision;
    return {};
  }
  const auto stored = *entry ? AttemptRecord::from_json((*entry)->value) : AttemptRecord{};
  const Lease& lease = job.delivery.lease;
  if (stored && stored->sequence == lease.sequence && !has_own_mark(*stored, lease.sequence, lease.delivery_count)) {
    return Error(ErrorCode::kLeaseLost, "another worker has written the attempt record of " + key);
  }
  const auto written =
      *entry ? bucket_->update(key, write.value, (*entry)->revision) : bucket_->create(key, write.value);
  if (!written) return Error(ErrorCode::kUnavailable, written.error().message());
  job.record.revision = *written;
  return {};
}

void AttemptBook::note_interruption(const HeldJob& job) {
  const Lease& lease = job.delivery.lease;
  if (lease.delivery_count == 1) return;  // left no mark
  Interruption interruption{key_of(job), lease.sequence, lease.delivery_count};
  MutexLock lock(mutex_);
  if (std::find(interruptions_.begin(), interruptions_.end(), interruption) != interruptions_.end()) return;
  interruptions_.push_back(std::move(interruption));
}

bool AttemptBook::has_own_mark(const AttemptRecord& record, std::uint64_t sequence, std::uint32_t delivery) const {
  return record.sequence == sequence && record.started && record.started->delivery == delivery &&
         record.started->worker == parts_.worker;
}

bool AttemptBook::owes_interruptions() const {
  MutexLock lock(mutex_);
  return !interruptions_.empty();
}

// The mark that stands there is this worker's, and this worker lives: it has the earlier delivery in hand still, or is
// about to take the mark back.
bool AttemptBook::knows_better(const HeldJob& job, const std::string& key, const AttemptRecord& record) const {
  if (!record.started) return false;
  const Interruption that{key, record.sequence, record.started->delivery};
  if (!has_own_mark(record, that.sequence, that.delivery)) return false;
  if (parts_.ledger.holds(job.served(), that.sequence, that.delivery)) return true;
  MutexLock lock(mutex_);
  return std::find(interruptions_.begin(), interruptions_.end(), that) != interruptions_.end();
}

void AttemptBook::store_interruptions() {
  std::vector<Interruption> noted;
  {
    MutexLock lock(mutex_);
    noted = interruptions_;
  }
  if (noted.empty()) return;
  const std::vector<Interruption> over = take_back(noted);
  MutexLock lock(mutex_);
  std::erase_if(interruptions_, [&](const Interruption& interruption) {
    return std::find(over.begin(), over.end(), interruption) != over.end();
  });
}

// Returns those for which nothing is left to do.
std::vector<AttemptBook::Interruption> AttemptBook::take_back(std::span<const Interruption> interruptions) {
  std::vector<Interruption> over;
  std::vector<std::string> keys;
  for (const Interruption& interruption : interruptions) keys.push_back(interruption.key);
  const auto entries = bucket_->read(keys);
  std::vector<KeyWrite> writes;
  std::vector<const Interruption*> written;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!entries[i] && may_work_later(entries[i].error())) continue;
    auto record = entries[i] && *entries[i] ? AttemptRecord::from_json((*entries[i])->value) : AttemptRecord{};
    if (!record || !has_own_mark(*record, interruptions[i].sequence, interruptions[i].delivery)) {
      over.push_back(interruptions[i]);
      continue;
    }
    record->started.reset();
    ++record->interrupted;
    writes.push_back({.kind = KeyWrite::Kind::kUpdate,
                      .key = keys[i],
                      .value = record->to_json(),
                      .revision = (*entries[i])->revision});
    written.push_back(&interruptions[i]);
  }
  if (writes.empty()) return over;
  const auto stored = bucket_->write(writes);
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (stored[i] || !may_work_later(stored[i].error())) over.push_back(*written[i]);
  }
  return over;
}

void AttemptBook::erase(std::span<HeldJob* const> jobs) {
  std::vector<KeyWrite> writes;
  std::vector<HeldJob*> written;
  for (HeldJob* job : jobs) {
    if (job->record.revision == 0) continue;
    writes.push_back(
        {.kind = KeyWrite::Kind::kErase, .key = key_of(*job), .value = {}, .revision = job->record.revision});
    written.push_back(job);
  }
  if (writes.empty()) return;
  const auto erased = bucket_->write(writes);
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (erased[i]) {
      written[i]->record.revision = 0;
    } else {
      parts_.log.debug("attempt record stays behind", {{"key", writes[i].key}, {"error", erased[i].error().message()}});
    }
  }
}

}  // namespace leat
