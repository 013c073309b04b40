// Jobs that run one after another, and a job that runs when a group is finished: shorter ways to say
// PushOptions::after.
//
//   leat::push_chain(queue, Download{url}, Resize{200}, Upload{"s3"}).value();
//   leat::push_group(queue, resizes, Report{"all resized"}).value();
#pragma once

#include <ranges>
#include <utility>
#include <vector>

#include "leat/queue.h"

namespace leat {

// Each job waits for the one before it; when one is dead or cancelled, those after it are cancelled. All are tracked;
// `options` hold for each (priority, result, ...), a time or parents to wait for for the first alone. The ids in order.
// kInvalidArgument for a unique key: it names one job. Another error: that job could not be stored, nor were those
// after it; those before it were.
Result<std::vector<JobId>> push_chain(Queue& queue, std::vector<Result<EncodedJob>> jobs, PushOptions options = {});
template <Job... T>
Result<std::vector<JobId>> push_chain(Queue& queue, const T&... jobs) {
  return push_chain(queue, {encode_job(jobs)...});
}
//   leat::push_chain(queue, {.priority = leat::Priority::kHigh}, Download{url}, Resize{200}).value();
template <Job... T>
Result<std::vector<JobId>> push_chain(Queue& queue, const PushOptions& options, const T&... jobs) {
  return push_chain(queue, {encode_job(jobs)...}, options);
}

struct Group {
  std::vector<JobId> members;
  JobId callback;
};

// The members run side by side; the callback runs when all have ended, whether done, dead or cancelled
// (`options.if_dead` says otherwise). All are tracked; a time or parents to wait for hold for the members. Up to about
// 20,000 members: their ids travel with the callback. kInvalidArgument when they do not fit into it, or for a unique
// key: nothing is stored then. Another error: a member or the callback could not be stored; the other members were.
Result<Group> push_group(Queue& queue, std::vector<Result<EncodedJob>> members, Result<EncodedJob> callback,
                         PushOptions options = {});
template <std::ranges::input_range R, Job C>
requires Job<std::ranges::range_value_t<R>> Result<Group> push_group(Queue& queue, const R& members, const C& callback,
                                                                     PushOptions options = {}) {
  std::vector<Result<EncodedJob>> encoded;
  for (const auto& member : members) encoded.push_back(encode_job(member));
  return push_group(queue, std::move(encoded), encode_job(callback), std::move(options));
}

}  // namespace leat
