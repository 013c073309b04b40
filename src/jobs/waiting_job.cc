#include "jobs/waiting_job.h"

#include "core/text.h"

namespace leat {
namespace {

// The part of the payload that lists the parents.
Result<std::string_view> list_of(const Message& job) {
  const auto bytes = parse_number(job.headers.get(wire::kAfter).value_or(""));
  if (!bytes || *bytes > job.payload.size()) {
    return Error(ErrorCode::kCorrupt, "message " + job.subject + " is no job that waits for others");
  }
  return std::string_view(job.payload).substr(0, *bytes);
}

}  // namespace

bool is_waiting_job(const Message& message) {
  return message.headers.get(wire::kAfter).has_value();
}

std::size_t parent_list_size(const std::vector<JobId>& parents) {
  std::size_t size = 0;
  for (const JobId& parent : parents) size += parent.str().size() + 1;
  return size;
}

void make_waiting(Message& job, const WaitingJob& waiting) {
  std::string list;
  for (const JobId& parent : waiting.parents) list.append(parent.str()).append(1, '\n');
  job.headers.set(wire::kAfter, std::to_string(list.size()));
  if (waiting.if_dead == IfDead::kRun) job.headers.set(wire::kIfDead, wire::kRun);
  job.payload.insert(0, list);
}

Result<WaitingJob> read_waiting(const Message& job) {
  const auto list = list_of(job);
  if (!list) return list.error();
  WaitingJob waiting;
  if (job.headers.get(wire::kIfDead) == wire::kRun) waiting.if_dead = IfDead::kRun;
  for (std::string_view rest = *list; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    auto parent = JobId::parse(rest.substr(0, end));
    if (!parent) return Error(ErrorCode::kCorrupt, parent.error().message());
    waiting.parents.push_back(std::move(*parent));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return waiting;
}

Result<void> make_plain(Message& job) {
  const auto list = list_of(job);
  if (!list) return list.error();
  job.payload.erase(0, list->size());
  job.headers.erase(wire::kAfter);
  job.headers.erase(wire::kIfDead);
  return {};
}

bool was_moved_from(const StoredMessage& queued, const StoredMessage& job) {
  return queued.headers.get(wire::kMovedFrom) && queued.headers.get(wire::kEnqueuedAt) == to_rfc3339(enqueued_at(job));
}

}  // namespace leat
