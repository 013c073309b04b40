// `leat workers`
#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/job_status.h"
#include "cli/table.h"
#include "core/text.h"
#include "leat/inspector.h"

namespace leat::cli {
namespace {

nlohmann::json to_json(const WorkerInfo& worker) {
  nlohmann::json json{{"id", worker.id},
                      {"name", worker.name},
                      {"host", worker.host},
                      {"pid", worker.pid},
                      {"state", to_string(worker.state)},
                      {"queues", worker.queues},
                      {"concurrency", worker.concurrency},
                      {"started_at", to_rfc3339(worker.started_at)},
                      {"seen_at", to_rfc3339(worker.seen_at)},
                      {"leads", worker.leads},
                      {"done", worker.done},
                      {"dead", worker.dead},
                      {"running", worker.running},
                      {"jobs", nlohmann::json::array()}};
  for (const WorkerInfo::Job& job : worker.jobs) {
    json["jobs"].push_back({{"id", job.id.str()},
                            {"kind", job.kind},
                            {"attempt", job.attempt},
                            {"since", to_rfc3339(job.since)},
                            {"progress", job.progress},
                            {"note", job.note}});
  }
  return json;
}

std::string to_table(const std::vector<WorkerInfo>& workers, SystemTime now) {
  using enum Column::Align;
  Table table({{"WORKER"},
               {"STATE"},
               {"QUEUES"},
               {"RUNNING", kRight},
               {"DONE", kRight},
               {"DEAD", kRight},
               {"UP", kRight},
               {"SEEN", kRight},
               {"PID", kRight},
               {"HOST"},
               {"SCHEDULER"}});
  for (const WorkerInfo& worker : workers) {
    table.add_row({worker.name, std::string(to_string(worker.state)), joined(worker.queues, ","),
                   std::to_string(worker.running) + "/" + std::to_string(worker.concurrency),
                   std::to_string(worker.done), std::to_string(worker.dead), age(now, worker.started_at),
                   age(now, worker.seen_at), std::to_string(worker.pid), worker.host, worker.leads ? "leads" : ""});
  }
  return table.str();
}

std::string jobs_table(const std::vector<WorkerInfo>& workers, SystemTime now) {
  using enum Column::Align;
  Table table({{"JOB"}, {"KIND"}, {"ATTEMPT", kRight}, {"FOR", kRight}, {"PROGRESS"}, {"WORKER"}});
  for (const WorkerInfo& worker : workers) {
    for (const WorkerInfo::Job& job : worker.jobs) {
      table.add_row({job.id.str(), job.kind, std::to_string(job.attempt), age(now, job.since),
                     cut_to(progress_text(job.progress, job.note), 40), worker.name});
    }
  }
  return table.empty() ? "" : "\n\n" + table.str();
}

Result<int> list(App& app) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  const auto workers = Inspector(**broker, app.options.name_space).workers();
  if (!workers) return workers.error();
  const SystemTime now = (*broker)->clock().now();
  if (app.options.json) {
    auto all = nlohmann::json::array();
    for (const WorkerInfo& worker : *workers) all.push_back(to_json(worker));
    app.print_json(all);
  } else if (workers->empty()) {
    app.print("no workers in namespace " + app.options.name_space.name);
  } else {
    app.print(to_table(*workers, now) + jobs_table(*workers, now));
  }
  return kExitOk;
}

}  // namespace

void add_workers(CLI::App& root, App& app) {
  auto* at = root.add_subcommand("workers", "Who works, and on what");
  at->description(
      "Every worker of the namespace that lives, and the jobs that it runs, as of its last heartbeat: each 15 s, and\n"
      "within seconds when something changes. A worker that was killed stays for a minute.");
  add_namespace_settings(*at, app.options.name_space);
  end_help_with(*at, "leat workers --json");
  at->callback([&app] { app.choose(list); });
}

}  // namespace leat::cli
