#include "jobs/worker_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "jobs/job_streams.h"

namespace leat {
namespace {

using nlohmann::json;

WorkerInfo::State worker_state_of(std::string_view name) {
  for (const WorkerInfo::State state : {WorkerInfo::State::kStarting, WorkerInfo::State::kIdle,
                                        WorkerInfo::State::kBusy, WorkerInfo::State::kStopping}) {
    if (to_string(state) == name) return state;
  }
  return WorkerInfo::State::kIdle;  // of a later version
}

json to_json(const WorkerInfo::Job& job) {
  json out{{"id", job.id.str()}, {"kind", job.kind}, {"attempt", job.attempt}, {"since", to_rfc3339(job.since)}};
  if (job.progress > 0) out["progress"] = job.progress;
  if (!job.note.empty()) out["note"] = job.note;
  return out;
}

WorkerInfo::Job job_from(const json& job) {
  return {.id = JobId::parse(job.at("id").get<std::string>()).value_or(JobId{}),
          .kind = job.value("kind", ""),
          .attempt = job.value("attempt", 0U),
          .since = from_rfc3339(job.value("since", "")).value_or(SystemTime{}),
          .progress = job.value("progress", 0.0),
          .note = job.value("note", "")};
}

}  // namespace

std::string_view to_string(WorkerInfo::State state) {
  switch (state) {
    case WorkerInfo::State::kStarting: return "starting";
    case WorkerInfo::State::kIdle: return "idle";
    case WorkerInfo::State::kBusy: return "busy";
    case WorkerInfo::State::kStopping: return "stopping";
  }
  return "";
}

std::string to_json(const WorkerInfo& worker) {
  json out{{"version", 1},
           {"name", worker.name},
           {"host", worker.host},
           {"pid", worker.pid},
           {"state", to_string(worker.state)},
           {"started_at", to_rfc3339(worker.started_at)},
           {"concurrency", worker.concurrency},
           {"queues", worker.queues},
           {"leads", worker.leads},
           {"done", worker.done},
           {"dead", worker.dead},
           {"running", worker.running},
           {"jobs", json::array()},
           {"held", json::array()}};
  for (const auto& job : worker.jobs) out["jobs"].push_back(to_json(job));
  for (const auto& held : worker.held) {
    out["held"].push_back({{"queue", held.queue}, {"priority", to_string(held.priority)}, {"jobs", held.jobs}});
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<WorkerInfo> worker_from_json(std::string_view text) {
  try {
    const json in = json::parse(text);
    WorkerInfo worker{.name = in.at("name").get<std::string>(),
                      .host = in.value("host", ""),
                      .pid = in.value("pid", 0),
                      .queues = in.value("queues", std::vector<std::string>{}),
                      .concurrency = in.value("concurrency", 0U),
                      .state = worker_state_of(in.value("state", "")),
                      .started_at = from_rfc3339(in.value("started_at", "")).value_or(SystemTime{}),
                      .leads = in.value("leads", false),
                      .done = in.value("done", std::uint64_t{0}),
                      .dead = in.value("dead", std::uint64_t{0}),
                      .running = in.value("running", std::uint64_t{0})};
    for (const json& job : in.value("jobs", json::array())) worker.jobs.push_back(job_from(job));
    for (const json& held : in.value("held", json::array())) {
      worker.held.push_back(
          {.queue = held.at("queue").get<std::string>(),
           .priority = parse_priority(held.at("priority").get<std::string>()).value_or(Priority::kMedium),
           .jobs = held.at("jobs").get<std::uint64_t>()});
    }
    return worker;
  } catch (const json::exception& e) {
    return Error(ErrorCode::kCorrupt, std::string("worker record: ") + e.what());
  }
}

Result<std::vector<WorkerInfo>> read_workers(Broker& broker, const Names& names) {
  const auto bucket = open_workers(broker, names);
  if (!bucket) return bucket.error();
  const auto entries = (*bucket)->list("");
  if (!entries) return entries.error();
  std::vector<WorkerInfo> workers;
  for (const KeyEntry& entry : *entries) {
    auto worker = worker_from_json(entry.value);
    if (!worker) continue;
    worker->id = entry.key;
    worker->seen_at = entry.time;
    workers.push_back(std::move(*worker));
  }
  std::stable_sort(workers.begin(), workers.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return workers;
}

}  // namespace leat
