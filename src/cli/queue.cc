// `leat queue`
#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "leat/inspector.h"

namespace leat::cli {
namespace {

// A queue with the dead letters that all its priorities share.
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

nlohmann::json to_json(const std::vector<QueueFacts>& queues) {
  auto list = nlohmann::json::array();
  for (const QueueFacts& queue : queues) {
    nlohmann::json one{{"queue", queue.name}, {"dead", queue.dead}};
    for (const QueueCounts& row : queue.priorities)
      one[std::string(to_string(row.priority))] = {{"pending", row.pending}, {"unsettled", row.unsettled}};
    list.push_back(std::move(one));
  }
  return list;
}

std::string to_table(const std::vector<QueueFacts>& queues) {
  using enum Column::Align;
  Table table({{"QUEUE"}, {"PRIORITY"}, {"PENDING", kRight}, {"UNSETTLED", kRight}, {"DEAD", kRight}});
  for (const QueueFacts& queue : queues) {
    bool first = true;
    for (const QueueCounts& row : queue.priorities) {
      table.add_row({first ? queue.name : "", std::string(to_string(row.priority)), std::to_string(row.pending),
                     std::to_string(row.unsettled), first ? std::to_string(queue.dead) : ""});
      first = false;
    }
  }
  return table.str();
}

Result<int> list(App& app) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  Inspector inspector(**broker, app.options.name_space);
  const auto queues = look(inspector);
  if (!queues) return queues.error();
  if (app.options.json) {
    app.print_json(to_json(*queues));
  } else if (queues->empty()) {
    app.print("no queues in namespace " + app.options.name_space);
  } else {
    app.print(to_table(*queues));
  }
  return kExitOk;
}

}  // namespace

void add_queue(CLI::App& root, App& app) {
  auto* queue = root.add_subcommand("queue", "Look at queues");
  queue->require_subcommand(1);
  end_help_with(*queue, "leat queue list");
  auto* listing = queue->add_subcommand("list", "What waits in each queue, by priority");
  listing->description(
      "What waits in each queue, by priority. Pending: never given to a worker; unsettled: with a worker, or waiting\n"
      "for a retry; dead: dead letters of the queue.");
  end_help_with(*listing, "leat queue list --json");
  listing->callback([&app] { app.choose(list); });
}

}  // namespace leat::cli
