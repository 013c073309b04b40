#include "leat/inspector.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "jobs/job_lookup.h"
#include "jobs/job_streams.h"
#include "jobs/names.h"
#include "jobs/worker_record.h"

namespace leat {

class Inspector::Facts {
 public:
  Facts(Broker& broker, NamespaceOptions name_space) : broker_(broker), names_(std::move(name_space)) {}

  // What is to be known before queues are counted.
  struct Known {
    std::vector<std::string> queues;
    std::set<std::string, std::less<>> paused;
    std::map<std::pair<std::string, Priority>, std::uint64_t> held;  // by workers
  };
  Result<Known> look();
  Result<void> add_counts(Priority priority, const Known& known, std::vector<QueueCounts>& rows);
  Result<void> add_scheduled(std::vector<QueueCounts>& rows) {
    return add_selected(names_.scheduled_stream(), &Names::scheduled_queue_filter, &QueueCounts::scheduled, rows);
  }
  Result<void> add_dead(std::vector<QueueCounts>& rows) {
    return add_selected(names_.dead_stream(), &Names::dead_queue_filter, &QueueCounts::dead, rows);
  }
  Result<std::vector<WorkerInfo>> workers() { return read_workers(broker_, names_); }
  Result<std::vector<StreamFacts>> streams();
  Result<std::optional<SystemTime>> first_enqueued(const std::string& stream, const std::string& filter);
  Result<std::uint64_t> dead(std::string_view queue);
  Result<void> check() const { return names_.check(); }
  Result<JobStatus> job(const JobId& id, const StatusOptions& options) {
    return JobLookup(broker_, names_).look(id, options);
  }

 private:
  using Filter = std::string (Names::*)(Priority, std::string_view) const;
  Result<void> add_selected(const std::string& stream, Filter filter, std::uint64_t QueueCounts::*count,
                            std::vector<QueueCounts>& rows);

  Broker& broker_;
  Names names_;
};

Result<Inspector::Facts::Known> Inspector::Facts::look() {
  auto control = open_control(broker_, names_);
  if (!control) return control.error();
  const auto entries = (*control)->list("");
  if (!entries) return entries.error();
  constexpr std::string_view kQueue = "queue.";
  Known known;
  for (const KeyEntry& entry : *entries) {
    if (entry.key.starts_with(kQueue)) known.queues.push_back(entry.key.substr(kQueue.size()));
    if (const auto queue = Names::paused_queue(entry.key)) known.paused.emplace(*queue);
  }
  // A queue may be held before anybody uses it.
  const std::set<std::string, std::less<>> used(known.queues.begin(), known.queues.end());
  std::set_difference(known.paused.begin(), known.paused.end(), used.begin(), used.end(),
                      std::back_inserter(known.queues));
  const auto living = workers();
  if (!living) return living.error();
  for (const WorkerInfo& worker : *living) {
    for (const WorkerInfo::Held& held : worker.held) known.held[{held.queue, held.priority}] += held.jobs;
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
      if (const auto held = known.held.find({queue, priority}); held != known.held.end()) {
        row.running = std::min(held->second, row.unsettled);
      }
    } else if (const auto counted = broker_.admin().stream(stream, names_.queue_filter(priority, queue)); counted) {
      row.pending = counted->selected;  // no worker has ever served it
    }
    if (row.pending + row.unsettled > 0) {
      auto oldest = first_enqueued(stream, names_.queue_filter(priority, queue));
      if (!oldest) return oldest.error();
      row.oldest = *oldest;
    }
    rows.push_back(std::move(row));
  }
  return {};
}

Result<std::optional<SystemTime>> Inspector::Facts::first_enqueued(const std::string& stream,
                                                                   const std::string& filter) {
  auto reader = broker_.open_reader({.stream = stream, .filter = filter, .headers_only = true});
  if (!reader) return reader.error();
  const auto first = (*reader)->read({.max_count = 1}, {});
  if (!first) return first.error();
  return first->empty() ? std::optional<SystemTime>() : enqueued_at(first->front());
}

Result<void> Inspector::Facts::add_selected(const std::string& stream, Filter filter, std::uint64_t QueueCounts::*count,
                                            std::vector<QueueCounts>& rows) {
  const auto all = broker_.admin().stream(stream);
  if (!all && all.error().code() == ErrorCode::kNotFound) return {};
  if (!all) return all.error();
  for (QueueCounts& row : rows) {
    if (all->messages == 0) continue;
    const auto facts = broker_.admin().stream(stream, (names_.*filter)(row.priority, row.queue));
    if (!facts) return facts.error();
    row.*count = facts->selected;
  }
  return {};
}

Result<std::vector<StreamFacts>> Inspector::Facts::streams() {
  std::vector<std::string> streams;
  for (const Priority priority : kPriorities) streams.push_back(names_.stream(priority));
  for (auto& stream : {names_.scheduled_stream(), names_.dead_stream(), names_.done_stream(), names_.event_stream()})
    streams.push_back(stream);
  std::vector<StreamFacts> facts;
  for (const std::string& stream : streams) {
    auto one = broker_.admin().stream(stream);
    if (one) {
      facts.push_back(std::move(*one));
    } else if (one.error().code() != ErrorCode::kNotFound) {
      return one.error();
    }
  }
  return facts;
}

Result<std::uint64_t> Inspector::Facts::dead(std::string_view queue) {
  const auto facts = broker_.admin().stream(names_.dead_stream(), names_.dead_queue_filter(queue));
  if (!facts) return facts.error().code() == ErrorCode::kNotFound ? Result<std::uint64_t>(0) : facts.error();
  return facts->selected;
}

Inspector::Inspector(Broker& broker, NamespaceOptions name_space)
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
  if (auto added = facts_->add_scheduled(rows); !added) return added.error();
  if (auto added = facts_->add_dead(rows); !added) return added.error();
  std::stable_sort(rows.begin(), rows.end(),
                   [](const QueueCounts& a, const QueueCounts& b) { return a.queue < b.queue; });
  return rows;
}

Result<JobStatus> Inspector::job(const JobId& id, const StatusOptions& options) {
  if (auto named = facts_->check(); !named) return named.error();
  return facts_->job(id, options);
}

Result<std::vector<WorkerInfo>> Inspector::workers() {
  if (auto named = facts_->check(); !named) return named.error();
  return facts_->workers();
}

Result<std::vector<StreamFacts>> Inspector::streams() {
  if (auto named = facts_->check(); !named) return named.error();
  return facts_->streams();
}

Result<std::uint64_t> Inspector::dead(std::string_view queue) {
  if (auto named = facts_->check(); !named) return named.error();
  if (auto named = check_queue_name(queue); !named) return named.error();
  return facts_->dead(queue);
}

}  // namespace leat
