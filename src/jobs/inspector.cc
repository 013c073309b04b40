#include "leat/inspector.h"

#include <algorithm>
#include <set>

#include "jobs/job_lookup.h"
#include "jobs/job_streams.h"
#include "jobs/names.h"

namespace leat {

class Inspector::Facts {
 public:
  Facts(Broker& broker, std::string name_space) : broker_(broker), names_(std::move(name_space)) {}

  struct Known {
    std::vector<std::string> queues;
    std::set<std::string, std::less<>> paused;
  };
  Result<Known> look();
  Result<void> add_counts(Priority priority, const Known& known, std::vector<QueueCounts>& rows);
  Result<std::uint64_t> dead(std::string_view queue);
  Result<void> check() const { return names_.check(); }
  Result<JobStatus> job(const JobId& id, const StatusOptions& options) {
    return JobLookup(broker_, names_).look(id, options);
  }

 private:
  Broker& broker_;
  Names names_;
};

Result<Inspector::Facts::Known> Inspector::Facts::look() {
  auto control = open_control(broker_, names_, 1);
  if (!control) return control.error();
  const auto entries = (*control)->list("");
  if (!entries) return entries.error();
  constexpr std::string_view kQueue = "queue.";
  Known known;
  for (const KeyEntry& entry : *entries) {
    if (entry.key.starts_with(kQueue)) known.queues.push_back(entry.key.substr(kQueue.size()));
    if (const auto queue = Names::paused_queue(entry.key)) known.paused.emplace(*queue);
  }
  return known;
}

Result<void> Inspector::Facts::add_counts(Priority priority, const Known& known, std::vector<QueueCounts>& rows) {
  const std::string stream = names_.stream(priority);
  auto listed = broker_.admin().consumers(stream);
  if (!listed && listed.error().code() != ErrorCode::kNotFound) return listed.error();
  const std::vector<ConsumerFacts> consumers = listed ? std::move(*listed) : std::vector<ConsumerFacts>{};
  for (const std::string& queue : known.queues) {
    QueueCounts row{.queue = queue, .priority = priority, .paused = known.paused.contains(queue)};
    const auto is_this = [&](const ConsumerFacts& facts) { return facts.name == queue; };
    const auto facts = std::find_if(consumers.begin(), consumers.end(), is_this);
    if (facts != consumers.end()) {
      row.pending = facts->pending;
      row.unsettled = facts->unsettled;
    } else if (const auto counted = broker_.admin().stream(stream, names_.queue_filter(priority, queue)); counted) {
      row.pending = counted->selected;  // no worker has ever served it
    }
    rows.push_back(std::move(row));
  }
  return {};
}

Result<std::uint64_t> Inspector::Facts::dead(std::string_view queue) {
  const auto facts = broker_.admin().stream(names_.dead_stream(), names_.dead_queue_filter(queue));
  if (!facts) return facts.error().code() == ErrorCode::kNotFound ? Result<std::uint64_t>(0) : facts.error();
  return facts->selected;
}

Inspector::Inspector(Broker& broker, std::string name_space)
    : facts_(std::make_unique<Facts>(broker, std::move(name_space))) {}
Inspector::~Inspector() = default;

Result<std::vector<QueueCounts>> Inspector::queues() {
  if (auto named = facts_->check(); !named) return named.error();
  const auto known = facts_->look();
  if (!known) return known.error();
  std::vector<QueueCounts> rows;
  for (const Priority priority : kPriorities) {
    if (auto added = facts_->add_counts(priority, *known, rows); !added) return added.error();
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const QueueCounts& a, const QueueCounts& b) { return a.queue < b.queue; });
  return rows;
}

Result<JobStatus> Inspector::job(const JobId& id, const StatusOptions& options) {
  if (auto named = facts_->check(); !named) return named.error();
  return facts_->job(id, options);
}

Result<std::uint64_t> Inspector::dead(std::string_view queue) {
  if (auto named = check_queue_name(queue); !named) return named.error();
  return facts_->dead(queue);
}

}  // namespace leat
