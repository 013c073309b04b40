// A job that waits for others, as it lies in `{ns}_scheduled`: the list of its parents stands before its payload
// (docs/spec/jobs.md). So one append stores all that is known of it.
#pragma once

#include <string>
#include <vector>

#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/queue.h"

namespace leat {

struct WaitingJob {
  std::vector<JobId> parents;
  IfDead if_dead = IfDead::kCancel;
};

bool is_waiting_job(const Message& message);
// How many bytes of payload the list of these takes.
std::size_t parent_list_size(const std::vector<JobId>& parents);

// Makes a job that is ready to be appended to its queue into one that waits.
void make_waiting(Message& job, const WaitingJob& waiting);
// kCorrupt when it is none.
Result<WaitingJob> read_waiting(const Message& job);
// The job alone again.
Result<void> make_plain(Message& job);

// Whether what lies in a queue is this job, which waited for others or for its time; else another one has its id.
bool was_moved_from(const StoredMessage& queued, const StoredMessage& job);

}  // namespace leat
