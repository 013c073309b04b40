// `leat events`
#include "leat/events.h"

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/stop_at_signal.h"
#include "cli/table.h"
#include "core/text.h"

namespace leat::cli {
namespace {

struct Selection {
  std::optional<std::string> queue{};
  std::string job{};
  std::optional<Duration> since{};
};

nlohmann::json to_json(const JobEvent& event) {
  nlohmann::json json{{"event", to_string(event.what)}, {"at", to_rfc3339(event.at)}, {"queue", event.queue}};
  if (!event.job.str().empty()) json["job"] = event.job.str();
  if (!event.kind.empty()) json["kind"] = event.kind;
  if (event.attempt != 0) json["attempt"] = event.attempt;
  if (!event.worker.empty()) json["worker"] = event.worker;
  if (!event.error.empty()) json["error"] = event.error;
  return json;
}

std::string to_line(const JobEvent& event) {
  std::string line = to_rfc3339(event.at) + "  " + std::string(to_string(event.what));
  line.resize(std::max<std::size_t>(line.size(), 39), ' ');
  line += event.job.str().empty() ? "queue " + event.queue : event.job.str();
  if (!event.kind.empty()) line += "  " + event.kind;
  if (event.attempt > 1) line += "  attempt " + std::to_string(event.attempt);
  if (!event.worker.empty()) line += "  on " + event.worker;
  if (!event.error.empty()) line += "  " + cut_to(event.error, 200);
  return line;
}

Result<EventFilter> filter_of(const Selection& selection, SystemTime now) {
  EventFilter filter{.queue = selection.queue};
  if (!selection.job.empty()) {
    auto id = JobId::parse(selection.job);
    if (!id) return id.error();
    filter.job = std::move(*id);
  }
  if (selection.since) filter.since = now - *selection.since;
  return filter;
}

void print(const App& app, const std::vector<JobEvent>& events) {
  for (const JobEvent& event : events) app.options.json ? app.print_json(to_json(event)) : app.print(to_line(event));
  std::fflush(stdout);  // who reads it from a pipe waits for it
}

Result<int> show(App& app, const Selection& selection, bool follow) {
  constexpr std::chrono::milliseconds kWait(1000);
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  auto filter = filter_of(selection, (*broker)->clock().now());
  if (!filter) return filter.error();
  filter->follow = follow;
  auto reader = Events(**broker, app.options.name_space).read(*filter);
  if (!reader) return reader.error();
  StopAtSignal stop;
  while (!stop.token().stop_requested()) {
    const auto events = reader->next(kWait, stop.token());
    if (!events) return events.error();
    print(app, *events);
    if (events->empty() && !follow) break;
  }
  return kExitOk;
}

Result<int> set_enabled(App& app, bool on) {
  auto broker = on ? app.broker() : app.existing_broker();
  if (!broker) return broker.error();
  Events events(**broker, app.options.name_space);
  if (const auto set = on ? events.enable({.log = &app.log()}) : events.disable(); !set) return set.error();
  if (app.options.json) {
    app.print_json({{"events", on}});
  } else {
    app.print(on ? "events are kept from now on, for 7 days and up to 1 GB" : "events are not kept any more");
  }
  return kExitOk;
}

void add_show(CLI::App& parent, App& app, const std::string& name, bool follow, const std::string& description) {
  auto* at = parent.add_subcommand(name, description);
  auto selection = std::make_shared<Selection>();
  add_queue_name(*at, selection->queue);
  at->add_option("--job", selection->job, "Of this job alone")->type_name("ID");
  add_duration(*at, "--since", selection->since, "Not older than this");
  end_help_with(*at, "leat events " + name + " --queue images --since 1h --json");
  at->callback([&app, selection, follow] {
    app.choose([selection, follow](App& chosen) { return show(chosen, *selection, follow); });
  });
}

}  // namespace

void add_events(CLI::App& root, App& app) {
  auto* events = root.add_subcommand("events", "What happens to jobs, as it happens");
  events->require_subcommand(1);
  add_namespace_settings(*events, app.options.name_space);
  end_help_with(*events, "leat events follow");
  auto* on = events->add_subcommand("on", "Keep events from now on");
  on->description("Keep events from now on, for 7 days and up to 1 GB. Programs that run begin within ten seconds.");
  on->callback([&app] { app.choose([](App& chosen) { return set_enabled(chosen, true); }); });
  auto* off = events->add_subcommand("off", "Keep none any more, and remove those that are there");
  off->callback([&app] { app.choose([](App& chosen) { return set_enabled(chosen, false); }); });
  for (auto* each : {on, off}) end_help_with(*each, "leat events " + each->get_name());
  add_show(*events, app, "list", false, "The events that are kept, oldest first");
  add_show(*events, app, "follow", true, "New events as they come, until interrupted; with --since older ones first");
}

}  // namespace leat::cli
