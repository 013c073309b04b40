#include "jobs/job_places.h"

#include <algorithm>

#include "jobs/result_record.h"
#include "jobs/waiting_job.h"

namespace leat {
namespace {

constexpr std::size_t kAtOnce = 500;  // whole messages are held for a moment

}  // namespace

std::vector<JobPlaces::Found> JobPlaces::read(const std::string& stream, const std::vector<std::string>& subjects,
                                              Keep keep) {
  std::vector<Found> found;
  found.reserve(subjects.size());
  for (std::size_t begin = 0; begin < subjects.size(); begin += kAtOnce) {
    const std::span<const std::string> some(subjects.data() + begin, std::min(kAtOnce, subjects.size() - begin));
    for (Found& one : broker_.admin().read_last(stream, some)) {
      if (one && *one && keep == Keep::kHeaders && !is_waiting_job(**one)) std::string().swap((*one)->payload);
      found.push_back(std::move(one));
    }
  }
  for (Found& one : found) {
    if (!one && one.error().code() == ErrorCode::kNotFound) one = std::optional<StoredMessage>{};
  }
  return found;
}

std::vector<JobPlaces::Found> JobPlaces::scheduled(std::span<const JobId> ids) {
  std::vector<std::string> subjects;
  subjects.reserve(ids.size());
  for (const JobId& id : ids) subjects.push_back(names_.scheduled_subject(id));
  return read(names_.scheduled_stream(), subjects, Keep::kHeaders);
}

std::vector<JobPlaces::Found> JobPlaces::queued(std::span<const JobId> ids) {
  std::vector<Found> found(ids.size(), std::optional<StoredMessage>{});
  for (const Priority priority : kPriorities) {
    std::vector<std::string> subjects;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i].priority() != priority) continue;
      subjects.push_back(names_.subject(ids[i]));
      places.push_back(i);
    }
    if (subjects.empty()) continue;
    auto read_now = read(names_.stream(priority), subjects, Keep::kHeaders);
    for (std::size_t i = 0; i < places.size(); ++i) found[places[i]] = std::move(read_now[i]);
  }
  return found;
}

std::vector<Result<std::optional<JobResult>>> JobPlaces::done(std::span<const JobId> ids) {
  std::vector<std::string> subjects;
  subjects.reserve(ids.size());
  for (const JobId& id : ids) subjects.push_back(names_.done_subject(id));
  std::vector<Result<std::optional<JobResult>>> results;
  results.reserve(ids.size());
  for (Found& found : read(names_.done_stream(), subjects, Keep::kWhole)) {
    if (!found) {
      results.emplace_back(found.error());
    } else if (!*found) {
      results.emplace_back(std::optional<JobResult>{});
    } else if (auto record = decode_result((*found)->payload)) {
      results.emplace_back(std::optional<JobResult>(std::move(*record)));
    } else {
      results.emplace_back(record.error());
    }
  }
  return results;
}

std::vector<Result<std::optional<SystemTime>>> JobPlaces::enqueued_at(std::span<const JobId> ids) {
  const auto waiting = scheduled(ids);
  const auto lying = queued(ids);
  std::vector<Result<std::optional<SystemTime>>> times(ids.size(), std::optional<SystemTime>{});
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (const Found* found : {&waiting[i], &lying[i]}) {
      if (!times[i]) break;
      if (!*found) {
        times[i] = found->error();
      } else if (const auto& job = **found) {
        const SystemTime time = leat::enqueued_at(*job);
        times[i] = std::min(times[i]->value_or(time), time);
      }
    }
  }
  return times;
}

}  // namespace leat
