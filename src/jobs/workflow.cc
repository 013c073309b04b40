#include "leat/workflow.h"

namespace leat {

Result<std::vector<JobId>> push_chain(Queue& queue, std::vector<Result<EncodedJob>> jobs, PushOptions options) {
  options.track = true;
  std::vector<JobId> ids;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::string place = "job " + std::to_string(i + 1) + " of the chain";
    if (!jobs[i]) return jobs[i].error().with_context(place);
    auto pushed = queue.push(std::move(*jobs[i]), options);
    if (!pushed) return pushed.error().with_context(place);
    options.after = {*pushed};
    ids.push_back(std::move(*pushed));
  }
  return ids;
}

Result<Group> push_group(Queue& queue, std::vector<Result<EncodedJob>> members, Result<EncodedJob> callback,
                         PushOptions options) {
  if (!callback) return callback.error().with_context("the group's callback");
  options.track = true;
  Group group;
  for (auto& pushed : queue.push_many(std::move(members), options)) {
    if (!pushed) return pushed.error().with_context("member " + std::to_string(group.members.size() + 1));
    group.members.push_back(std::move(*pushed));
  }
  options.after = group.members;
  if (!options.if_dead) options.if_dead = IfDead::kRun;
  auto pushed = queue.push(std::move(*callback), options);
  if (!pushed) return pushed.error().with_context("the group's callback");
  group.callback = std::move(*pushed);
  return group;
}

}  // namespace leat
