#include "jobs/attempt_book.h"

namespace leat {
namespace {

// Clocks of machines differ a little, and brokers wake a little early.
constexpr Duration kDueSlack = std::chrono::milliseconds(20);

}  // namespace

AttemptBook::AttemptBook(std::unique_ptr<KeyValue> bucket, Clock& clock, Names names, std::string worker, Log& log)
    : bucket_(std::move(bucket)), clock_(clock), names_(std::move(names)), worker_(std::move(worker)), log_(log) {}

std::string AttemptBook::key_of(const HeldJob& job) const {
  const auto id = names_.id_of(job.delivery.message);
  // A foreign message has no id: the place where it lies names it.
  return id ? id->str() : job.served().stream + "." + std::to_string(job.delivery.message.sequence);
}

void AttemptBook::take_in(HeldJob& job, const KeyEntry& entry) const {
  auto record = AttemptRecord::from_json(entry.value);
  if (!record)
    log_.warn("attempt record is unreadable and starts anew",
              {{"key", entry.key}, {"error", record.error().message()}});
  job.record = record && record->sequence == job.delivery.message.sequence ? std::move(*record) : AttemptRecord{};
  job.record.revision = entry.revision;
  job.record.count_crash_before(job.delivery.lease.delivery_count);
}

std::vector<HeldJob*> AttemptBook::load(std::span<HeldJob* const> jobs) {
  std::vector<std::string> keys;
  keys.reserve(jobs.size());
  for (const HeldJob* job : jobs) keys.push_back(key_of(*job));
  const auto entries = bucket_->read(keys);
  const SystemTime now = clock_.now();
  std::vector<HeldJob*> early;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    HeldJob& job = *jobs[i];
    if (!entries[i]) {
      log_.warn("attempt record cannot be read; the job waits",
                {{"key", keys[i]}, {"error", entries[i].error().message()}});
      job.record.due = now + std::chrono::seconds(1);
    } else if (*entries[i]) {
      take_in(job, **entries[i]);
    }
    if (job.record.due && *job.record.due > now + kDueSlack) early.push_back(&job);
  }
  return early;
}

Result<void> AttemptBook::mark_started(HeldJob& job) {
  job.record.started =
      AttemptRecord::Start{.delivery = job.delivery.lease.delivery_count, .at = clock_.now(), .worker = worker_};
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
// the same id, whose record stayed behind; or another worker, which has the job now.
Result<void> AttemptBook::settle_conflict(HeldJob& job, const std::string& key, const KeyWrite& write) {
  const auto entry = bucket_->get(key);
  if (!entry) return entry.error();
  if (*entry && (*entry)->value == write.value) {
    job.record.revision = (*entry)->revision;
    return {};
  }
  const auto stored = *entry ? AttemptRecord::from_json((*entry)->value) : AttemptRecord{};
  if (stored && stored->sequence == job.delivery.message.sequence) {
    return Error(ErrorCode::kLeaseLost, "another worker has written the attempt record of " + key);
  }
  const auto written =
      *entry ? bucket_->update(key, write.value, (*entry)->revision) : bucket_->create(key, write.value);
  if (!written) return Error(ErrorCode::kUnavailable, written.error().message());
  job.record.revision = *written;
  return {};
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
      log_.debug("attempt record stays behind", {{"key", writes[i].key}, {"error", erased[i].error().message()}});
    }
  }
}

}  // namespace leat
