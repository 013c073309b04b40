#include "jobs/endings.h"

#include "jobs/job_streams.h"
#include "jobs/result_record.h"

namespace leat {
namespace {

// The newest one under its subject counts.
AppendRequest done_record(const Names& names, const std::string& id, JobResult result) {
  result.value.clear();
  return {.message = {.subject = names.done_subject(id), .headers = {}, .payload = encode_result(result)}};
}

}  // namespace

bool keeps_result(const Message& job) {
  return job.headers.get(wire::kResult) == wire::kKeepResult;
}

bool is_tracked(const Message& job) {
  return job.headers.get(wire::kTrack) == wire::kYes;
}

Result<KeyValue*> Endings::open(Log& drift) {
  MutexLock lock(mutex_);
  if (results_ != nullptr) return results_.get();
  auto results = open_results(broker_, names_, drift);
  if (!results) return results.error();
  results_ = std::move(*results);
  return results_.get();
}

std::vector<Result<void>> Endings::write(std::span<const EndedJob> endings) {
  std::vector<Result<void>> answers(endings.size());
  write_results(endings, answers);
  write_records(endings, answers);
  return answers;
}

void Endings::write_results(std::span<const EndedJob> endings, std::vector<Result<void>>& answers) {
  std::vector<KeyWrite> writes;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < endings.size(); ++i) {
    if (!keeps_result(*endings[i].job)) continue;
    writes.push_back({.kind = KeyWrite::Kind::kPut, .key = endings[i].id, .value = encode_result(endings[i].result)});
    places.push_back(i);
  }
  if (writes.empty()) return;
  const auto results = open();
  const auto written =
      results ? (*results)->write(writes) : std::vector<Result<std::uint64_t>>(writes.size(), results.error());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!written[i]) answers[places[i]] = written[i].error();
  }
}

// After the result: who learns that a job is done finds it.
void Endings::write_records(std::span<const EndedJob> endings, std::vector<Result<void>>& answers) {
  std::vector<AppendRequest> records;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < endings.size(); ++i) {
    if (!answers[i] || !is_tracked(*endings[i].job)) continue;
    records.push_back(done_record(names_, endings[i].id, endings[i].result));
    places.push_back(i);
  }
  if (records.empty()) return;
  const auto appended = broker_.append(names_.done_stream(), records);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!appended[i]) answers[places[i]] = appended[i].error();
  }
}

std::vector<Endings::Left> Endings::left_by(std::span<const JobId> ids) {
  std::vector<Left> left;
  if (ids.empty()) return left;
  std::vector<std::string> keys;
  std::vector<std::string> subjects;
  for (const JobId& id : ids) {
    left.push_back({.id = id.str()});
    keys.push_back(id.str());
    subjects.push_back(names_.done_subject(id));
  }
  if (const auto results = open()) {
    const auto entries = (*results)->read(keys);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (entries[i] && *entries[i]) left[i].result = (*entries[i])->revision;
    }
  }
  const auto records = broker_.admin().read_last(names_.done_stream(), subjects);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (records[i] && *records[i]) left[i].record = (*records[i])->sequence;
  }
  return left;
}

void Endings::clear(std::span<const Left> left) {
  std::vector<KeyWrite> erasures;
  std::vector<std::uint64_t> records;
  for (const Left& one : left) {
    if (one.result != 0)
      erasures.push_back({.kind = KeyWrite::Kind::kErase, .key = one.id, .value = {}, .revision = one.result});
    if (one.record != 0) records.push_back(one.record);
  }
  if (!records.empty()) (void)broker_.admin().remove(names_.done_stream(), records);
  if (erasures.empty()) return;
  if (const auto results = open()) (void)(*results)->write(erasures);
}

}  // namespace leat
