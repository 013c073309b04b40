// `leat queue`
#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "core/text.h"
#include "leat/inspector.h"
#include "leat/queue_control.h"

namespace leat::cli {
namespace {

struct QueueFacts {
  std::string name;
  std::uint64_t dead = 0;
  std::vector<QueueCounts> priorities;
};

Result<std::vector<QueueFacts>> look(Inspector& inspector) {
  const auto rows = inspector.queues();
  if (!rows) return rows.error();
  std::vector<QueueFacts> queues;
  for (const QueueCounts& row : *rows) {
    if (queues.empty() || queues.back().name != row.queue) {
      const auto dead = inspector.dead(row.queue);
      if (!dead) return dead.error();
      queues.push_back({row.queue, *dead, {}});
    }
    queues.back().priorities.push_back(row);
  }
  return queues;
}

nlohmann::json to_json(const QueueCounts& row) {
  nlohmann::json json{{"pending", row.pending},     {"unsettled", row.unsettled}, {"running", row.running},
                      {"retrying", row.retrying()}, {"scheduled", row.scheduled}, {"dead", row.dead}};
  if (row.oldest) json["oldest"] = to_rfc3339(*row.oldest);
  return json;
}

nlohmann::json to_json(const std::vector<QueueFacts>& queues) {
  auto all = nlohmann::json::array();
  for (const QueueFacts& queue : queues) {
    nlohmann::json one{{"queue", queue.name}, {"dead", queue.dead}, {"paused", queue.priorities.front().paused}};
    for (const QueueCounts& row : queue.priorities) one[std::string(to_string(row.priority))] = to_json(row);
    all.push_back(std::move(one));
  }
  return all;
}

std::string to_table(const std::vector<QueueFacts>& queues, SystemTime now) {
  using enum Column::Align;
  Table table({{"QUEUE"},
               {"PRIORITY"},
               {"PENDING", kRight},
               {"RUNNING", kRight},
               {"RETRYING", kRight},
               {"SCHEDULED", kRight},
               {"DEAD", kRight},
               {"OLDEST", kRight},
               {"STATE"}});
  for (const QueueFacts& queue : queues) {
    bool first = true;
    for (const QueueCounts& row : queue.priorities) {
      table.add_row({first ? queue.name : "", std::string(to_string(row.priority)), std::to_string(row.pending),
                     std::to_string(row.running), std::to_string(row.retrying()), std::to_string(row.scheduled),
                     std::to_string(row.dead), row.oldest ? age(now, *row.oldest) : "",
                     first && row.paused ? "paused" : ""});
      first = false;
    }
  }
  return table.str();
}

nlohmann::json to_json(const StreamFacts& stream) {
  return {{"stream", stream.name},
          {"messages", stream.messages},
          {"bytes", stream.bytes},
          {"first_sequence", stream.first_sequence},
          {"last_sequence", stream.last_sequence},
          {"created", to_rfc3339(stream.created)},
          {"replicas", stream.replicas},
          {"replicas_current", stream.replicas_current}};
}

std::string stream_health(const StreamFacts& stream) {
  if (stream.replicas_current == 0) return "no leader";
  return stream.replicas_current < stream.replicas ? "behind" : "ok";
}

std::string to_table(const std::vector<StreamFacts>& streams) {
  using enum Column::Align;
  Table table({{"STREAM"}, {"MESSAGES", kRight}, {"BYTES", kRight}, {"LAST", kRight}, {"COPIES", kRight}, {"HEALTH"}});
  for (const StreamFacts& stream : streams) {
    table.add_row({stream.name, std::to_string(stream.messages), std::to_string(stream.bytes),
                   std::to_string(stream.last_sequence),
                   std::to_string(stream.replicas_current) + "/" + std::to_string(stream.replicas),
                   stream_health(stream)});
  }
  return table.str();
}

Result<int> list_streams(App& app) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  const auto streams = Inspector(**broker, app.options.name_space).streams();
  if (!streams) return streams.error();
  if (app.options.json) {
    auto all = nlohmann::json::array();
    for (const StreamFacts& stream : *streams) all.push_back(to_json(stream));
    app.print_json(all);
  } else if (streams->empty()) {
    app.print("no streams in namespace " + app.options.name_space.name);
  } else {
    app.print(to_table(*streams));
  }
  return kExitOk;
}

Result<int> list_queues(App& app) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  Inspector inspector(**broker, app.options.name_space);
  const auto queues = look(inspector);
  if (!queues) return queues.error();
  if (app.options.json) {
    app.print_json(to_json(*queues));
  } else if (queues->empty()) {
    app.print("no queues in namespace " + app.options.name_space.name);
  } else {
    app.print(to_table(*queues, (*broker)->clock().now()));
  }
  return kExitOk;
}

Result<int> set_paused(App& app, QueueControl& control, const std::string& queue, bool paused) {
  if (const auto done = paused ? control.pause(queue) : control.resume(queue); !done) return done.error();
  if (app.options.json) {
    app.print_json({{"queue", queue}, {"paused", paused}});
  } else {
    app.print(queue + (paused ? " is paused" : " goes on"));
  }
  return kExitOk;
}
Result<int> pause(App& app, QueueControl& control, const std::string& queue, std::optional<Priority>) {
  return set_paused(app, control, queue, true);
}
Result<int> resume(App& app, QueueControl& control, const std::string& queue, std::optional<Priority>) {
  return set_paused(app, control, queue, false);
}
Result<int> purge(App& app, QueueControl& control, const std::string& queue, std::optional<Priority> priority) {
  const auto purged = control.purge(queue, priority);
  if (!purged) return purged.error();
  if (app.options.json) {
    app.print_json({{"queue", queue}, {"removed", *purged}});
  } else {
    app.print("removed " + std::to_string(*purged) + (*purged == 1 ? " job" : " jobs"));
  }
  return kExitOk;
}

// One command on one queue. Returns it, so that options can be added.
struct Deed {
  std::string queue;
  std::optional<Priority> priority{};
};
using QueueAct = Result<int> (*)(App&, QueueControl&, const std::string&, std::optional<Priority>);
std::pair<CLI::App*, std::shared_ptr<Deed>> add_deed(CLI::App& parent, App& app, const std::string& name,
                                                     QueueAct act) {
  auto* at = parent.add_subcommand(name);
  auto deed = std::make_shared<Deed>();
  add_queue_argument(*at, deed->queue);
  at->callback([&app, deed, act] {
    app.choose([deed, act](App& chosen) -> Result<int> {
      auto broker = chosen.existing_broker();
      if (!broker) return broker.error();
      QueueControl control(**broker, chosen.options.name_space);
      return act(chosen, control, deed->queue, deed->priority);
    });
  });
  return {at, deed};
}

void add_deeds(CLI::App& queue, App& app) {
  auto [pausing, paused] = add_deed(queue, app, "pause", pause);
  pausing->description(
      "No worker begins a job of the queue any more, on no machine, until it is resumed. What runs goes on, and so "
      "does\n"
      "enqueueing.");
  end_help_with(*pausing, "leat queue pause images");
  auto [resuming, resumed] = add_deed(queue, app, "resume", resume);
  resuming->description("Lets a paused queue go on");
  end_help_with(*resuming, "leat queue resume images");
  auto [purging, purged] = add_deed(queue, app, "purge", purge);
  purging->description(
      "Removes every job of the queue: waiting, running, or waiting for a retry; delayed jobs stay.\n"
      "It cannot be undone.");
  add_priority(*purging, purged->priority);
  end_help_with(*purging, "leat queue purge images --priority low");
}

}  // namespace

void add_queue(CLI::App& root, App& app) {
  auto* queue = root.add_subcommand("queue", "Look at queues, hold them, empty them");
  queue->require_subcommand(1);
  add_namespace_settings(*queue, app.options.name_space);
  end_help_with(*queue, "leat queue list");
  auto* listing = queue->add_subcommand("list", "What waits in each queue, by priority");
  listing->description(
      "What waits in each queue, by priority. Pending: never given to a worker; running: with a worker, as of its "
      "last\n"
      "heartbeat; retrying: the others that had been given to one; scheduled: for its time or for other jobs; dead: "
      "its\n"
      "dead letters; oldest: how long ago the oldest job that is not done was enqueued.");
  end_help_with(*listing, "leat queue list --json");
  listing->callback([&app] { app.choose(list_queues); });
  auto* streams = queue->add_subcommand("streams", "The streams that the jobs are in, and whether they are well");
  streams->description(
      "The streams that the jobs of the namespace are in. Last: the number of the newest message ever stored; copies: "
      "those\n"
      "that are there and up to date, of those that there should be; health: \"behind\" while copies are missing, \"no "
      "leader\"\n"
      "while the stream takes no message.");
  end_help_with(*streams, "leat queue streams --json");
  streams->callback([&app] { app.choose(list_streams); });
  add_deeds(*queue, app);
}

}  // namespace leat::cli
