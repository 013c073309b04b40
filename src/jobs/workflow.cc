#include "leat/workflow.h"

#include "core/invalid_argument.h"
#include "core/ulid.h"

namespace leat {
namespace {

Result<void> check_shared(const PushOptions& options) {
  if (options.unique) return invalid_argument("a unique key names one job, not several: push them one by one");
  return {};
}

Result<void> check_callback_fits(const Queue& queue, const EncodedJob& callback, std::size_t members,
                                 const PushOptions& options) {
  const JobId id(options.priority, queue.name(), std::string(kUlidSize, '0'));
  const std::size_t size = callback.payload.size() + callback.headers.encoded().size() +
                           options.headers.encoded().size() + members * (id.str().size() + 1);
  if (size <= queue.max_payload()) return {};
  return invalid_argument("payload, headers and the ids of " + std::to_string(members) + " members are " +
                          std::to_string(size) + " bytes; the limit is " + std::to_string(queue.max_payload()) +
                          ": make several groups, and one of their callbacks");
}

void wait_no_more_for_time(PushOptions& options) {
  options.at.reset();
  options.delay.reset();
}

}  // namespace

Result<std::vector<JobId>> push_chain(Queue& queue, std::vector<Result<EncodedJob>> jobs, PushOptions options) {
  if (auto checked = check_shared(options); !checked) return checked.error();
  options.track = true;
  std::vector<JobId> ids;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::string place = "job " + std::to_string(i + 1) + " of the chain";
    if (!jobs[i]) return jobs[i].error().with_context(place);
    auto pushed = queue.push(std::move(*jobs[i]), options);
    if (!pushed) return pushed.error().with_context(place);
    wait_no_more_for_time(options);
    options.after = {*pushed};
    ids.push_back(std::move(*pushed));
  }
  return ids;
}

Result<Group> push_group(Queue& queue, std::vector<Result<EncodedJob>> members, Result<EncodedJob> callback,
                         PushOptions options) {
  if (!callback) return callback.error().with_context("the group's callback");
  if (auto checked = check_shared(options); !checked) return checked.error();
  if (auto fits = check_callback_fits(queue, *callback, members.size(), options); !fits) {
    return fits.error().with_context("the group's callback");
  }
  options.track = true;
  Group group;
  for (auto& pushed : queue.push_many(std::move(members), options)) {
    if (!pushed) return pushed.error().with_context("member " + std::to_string(group.members.size() + 1));
    group.members.push_back(std::move(*pushed));
  }
  wait_no_more_for_time(options);
  options.after = group.members;
  if (!options.if_dead) options.if_dead = IfDead::kRun;
  auto pushed = queue.push(std::move(*callback), options);
  if (!pushed) return pushed.error().with_context("the group's callback");
  group.callback = std::move(*pushed);
  return group;
}

}  // namespace leat
