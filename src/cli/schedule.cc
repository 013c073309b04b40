// `leat schedule`, `leat scheduler`
#include "leat/schedules.h"

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/json_check.h"
#include "cli/serve.h"
#include "cli/table.h"
#include "core/text.h"
#include "leat/worker.h"

namespace leat::cli {
namespace {

struct Wanted {
  Schedule schedule;
  std::string kind;
  std::string payload;
  Headers headers;
  PushOptions push;
  bool raw = false;
};

nlohmann::json to_json(const ScheduleInfo& info) {
  const Schedule& schedule = info.schedule;
  nlohmann::json json{{"name", schedule.name},
                      {"kind", info.job.kind},
                      {"queue", schedule.queue},
                      {"priority", to_string(info.priority)},
                      {"overlap", to_string(schedule.overlap)},
                      {"missed", to_string(schedule.missed)},
                      {"paused", info.paused},
                      {"finished", info.finished},
                      {"runs", info.runs}};
  if (schedule.cron.empty()) {
    json["every"] = format_duration(schedule.every);
  } else {
    json["cron"] = schedule.cron;
    json["zone"] = schedule.zone.empty() ? "UTC" : schedule.zone;
  }
  if (schedule.jitter > Duration{0}) json["jitter"] = format_duration(schedule.jitter);
  if (schedule.missed == Schedule::Missed::kAll) json["missed_window"] = format_duration(schedule.missed_window);
  if (schedule.repeat) json["repeat"] = *schedule.repeat;
  for (const auto& [name, time] : {std::pair{"start", schedule.start}, std::pair{"end", schedule.end},
                                   std::pair{"next", info.next}, std::pair{"last", info.last}}) {
    if (time) json[name] = to_rfc3339(*time);
  }
  return json;
}

std::string when(const Schedule& schedule) {
  if (schedule.cron.empty()) return "every " + format_duration(schedule.every);
  return schedule.cron + (schedule.zone.empty() ? "" : " " + schedule.zone);
}

std::string to_table(const std::vector<ScheduleInfo>& schedules) {
  using enum Column::Align;
  Table table({{"SCHEDULE"}, {"WHEN"}, {"KIND"}, {"QUEUE"}, {"NEXT"}, {"LAST"}, {"RUNS", kRight}, {"STATE"}});
  for (const ScheduleInfo& info : schedules) {
    table.add_row({info.schedule.name, when(info.schedule), info.job.kind, info.schedule.queue,
                   info.next ? to_rfc3339(*info.next) : "", info.last ? to_rfc3339(*info.last) : "",
                   std::to_string(info.runs), info.paused ? "paused" : (info.finished ? "finished" : "")});
  }
  return table.str();
}

Result<int> list_schedules(App& app) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  const auto schedules = Schedules(**broker, app.options.name_space).list();
  if (!schedules) return schedules.error();
  if (app.options.json) {
    auto all = nlohmann::json::array();
    for (const ScheduleInfo& info : *schedules) all.push_back(to_json(info));
    app.print_json(all);
  } else if (schedules->empty()) {
    app.print("no schedules in namespace " + app.options.name_space.name);
  } else {
    app.print(to_table(*schedules));
  }
  return kExitOk;
}

std::string outlook(const ScheduleInfo& info) {
  if (info.next) return ", next at " + to_rfc3339(*info.next);
  return info.finished ? ", and never ticks any more" : "";
}

Result<int> add(App& app, const Wanted& wanted) {
  if (wanted.schedule.cron.empty() && wanted.schedule.every == Duration{0})
    return Error(ErrorCode::kInvalidArgument, "say when it is due: give --cron EXPR or --every DURATION");
  if (!wanted.raw) {
    if (const auto checked = check_json(wanted.payload); !checked)
      return Error(checked.error().code(), checked.error().message() + ": quote it for the shell, or give --raw");
  }
  auto broker = app.broker();
  if (!broker) return broker.error();
  const auto changed = Schedules(**broker, app.options.name_space)
                           .put(wanted.schedule, EncodedJob{wanted.kind, wanted.payload, wanted.headers}, wanted.push);
  if (!changed) return changed.error();
  const auto info = Schedules(**broker, app.options.name_space).get(wanted.schedule.name);
  if (!info) return info.error();
  if (app.options.json) {
    auto json = to_json(*info);
    json["change"] = to_string(*changed);
    app.print_json(json);
  } else {
    app.print(wanted.schedule.name + " is " + std::string(to_string(*changed)) + outlook(*info));
  }
  return kExitOk;
}

Result<int> show(App& app, Schedules& schedules, const std::string& name) {
  const auto info = schedules.get(name);
  if (!info) return info.error();
  auto json = to_json(*info);
  if (app.options.json) {
    json["payload"] = info->job.payload;
    app.print_json(json);
    return kExitOk;
  }
  for (const auto& [key, value] : json.items()) {
    app.print(key + ": " + (value.is_string() ? value.get<std::string>() : value.dump()));
  }
  app.print("payload: " + indented(info->job.payload, 2));
  return kExitOk;
}

Result<int> say(App& app, const std::string& name, const Result<void>& done, const std::string& now) {
  if (!done) return done.error();
  if (app.options.json) {
    app.print_json({{"name", name}, {"state", now}});
  } else {
    app.print(name + " is " + now);
  }
  return kExitOk;
}
Result<int> pause(App& app, Schedules& schedules, const std::string& name) {
  return say(app, name, schedules.pause(name), "paused");
}
Result<int> resume(App& app, Schedules& schedules, const std::string& name) {
  const auto resumed = schedules.resume(name);
  if (!resumed || app.options.json) return say(app, name, resumed, "resumed");
  const auto info = schedules.get(name);
  return say(app, name, {}, "resumed" + (info ? outlook(*info) : ""));
}
Result<int> remove(App& app, Schedules& schedules, const std::string& name) {
  return say(app, name, schedules.remove(name), "removed");
}
Result<int> run_now(App& app, Schedules& schedules, const std::string& name) {
  const auto id = schedules.run(name);
  if (!id) return id.error();
  app.options.json ? app.print_json({{"name", name}, {"id", id->str()}}) : app.print(id->str());
  return kExitOk;
}

struct Preview {
  std::string expression;
  std::string zone;
  std::optional<SystemTime> from;
  std::uint64_t count = 5;
};

// Needs no broker.
Result<int> preview(App& app, const Preview& asked) {
  const auto recurrence = Recurrence::cron(asked.expression, asked.zone);
  if (!recurrence) return recurrence.error();
  SystemTime at = asked.from.value_or(real_clock().now());
  auto times = nlohmann::json::array();
  for (std::uint64_t i = 0; i < asked.count; ++i) {
    const auto next = recurrence->next(at);
    if (!next) break;
    at = *next;
    app.options.json ? times.push_back(to_rfc3339(at)) : app.print(to_rfc3339(at));
  }
  if (app.options.json) app.print_json(times);
  return kExitOk;
}

// An empty one, as of a variable that is not set, is not silently UTC.
void add_zone(CLI::App& at, std::string& zone, const std::string& text) {
  at.add_option("--tz", zone, text)->type_name("ZONE")->check([](const std::string& name) {
    return name.empty() ? std::string("a time zone has a name, as UTC or Europe/Berlin") : std::string();
  });
}

void add_when(CLI::App& at, Schedule& schedule) {
  auto* cron =
      at.add_option("--cron", schedule.cron, "When, as cron writes it: five fields, six with seconds, @daily, ...")
          ->type_name("EXPR")
          ->check([](const std::string& text) { return text.empty() ? std::string("it is empty") : std::string(); });
  add_zone(at, schedule.zone, "The time zone of --cron, as Europe/Berlin [UTC]");
  auto* every =
      add_duration(at, "--every", schedule.every, "Or: always after this time, from --start on, else from 1970");
  // To a Schedule it would be the same as none.
  every->check([](const std::string& text) {
    const auto given = parse_duration(text);
    return given && *given == Duration{0} ? "an interval is 1s to 3650d, and this one is " + text : std::string();
  });
  cron->excludes(every);
  add_time(at, "--start", schedule.start, "Not before this time");
  add_time(at, "--end", schedule.end, "Not after this time");
  at.add_option("--repeat", schedule.repeat, "So many times, then it is finished")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000'000'000}))
      ->type_name("N");
  add_duration(at, "--jitter", schedule.jitter, "Each job comes up to this much later");
  at.add_option_function<std::string>(
        "--overlap",
        [&schedule](const std::string& text) {
          schedule.overlap = text == "skip" ? Schedule::Overlap::kSkip : Schedule::Overlap::kAllow;
        },
        "While the job of the last tick is not done: run anyway, or leave it out [allow]")
      ->check(CLI::IsMember({"allow", "skip"}).description(""))
      ->type_name("allow|skip");
  at.add_option_function<std::string>(
        "--missed",
        [&schedule](const std::string& text) {
          for (const auto missed : {Schedule::Missed::kSkip, Schedule::Missed::kOnce, Schedule::Missed::kAll}) {
            if (to_string(missed) == text) schedule.missed = missed;
          }
        },
        "Of ticks while no worker was up: run none, one for all, or all [once]")
      ->check(CLI::IsMember({"skip", "once", "all"}).description(""))
      ->type_name("skip|once|all");
  add_duration(at, "--window", schedule.missed_window, "With --missed all: those not longer ago");
}

void add_add(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("add", "Create a schedule, or change the one of that name");
  auto wanted = std::make_shared<Wanted>();
  at->add_option("NAME", wanted->schedule.name, "Its name")->required();
  at->add_option("KIND", wanted->kind, "The kind of its jobs")->required();
  at->add_option("JSON", wanted->payload, "Their data")->required();
  add_when(*at, wanted->schedule);
  add_queue_name(*at, wanted->schedule.queue);
  add_priority(*at, wanted->push.priority);
  add_max_attempts(*at, wanted->push.max_attempts);
  add_headers(*at, wanted->headers);
  at->add_flag("--raw", wanted->raw, "Take the data as it is, JSON or not");
  end_help_with(*at,
                "leat schedule add report send_report '{\"to\":\"ada@example.com\"}' --cron '0 6 * * mon-fri' --tz "
                "Europe/Berlin\n  leat schedule add poll fetch '{}' --every 90s --overlap skip");
  at->callback([&app, wanted] { app.choose([wanted](App& chosen) { return add(chosen, *wanted); }); });
}

using ScheduleAct = Result<int> (*)(App&, Schedules&, const std::string&);
void add_act(CLI::App& parent, App& app, const std::string& name, ScheduleAct act, const std::string& description) {
  auto* at = parent.add_subcommand(name, description);
  auto schedule = std::make_shared<std::string>();
  at->add_option("NAME", *schedule, "Its name")->required();
  end_help_with(*at, "leat schedule " + name + " report");
  at->callback([&app, schedule, act] {
    app.choose([schedule, act](App& chosen) -> Result<int> {
      auto broker = chosen.existing_broker();
      if (!broker) return broker.error();
      Schedules schedules(**broker, chosen.options.name_space);
      return act(chosen, schedules, *schedule);
    });
  });
}

void add_next(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("next", "When an expression is due; needs no broker");
  auto asked = std::make_shared<Preview>();
  at->add_option("EXPR", asked->expression, "As cron writes it")->required();
  add_zone(*at, asked->zone, "Its time zone [UTC]");
  add_time(*at, "--from", asked->from, "After this time [now]");
  at->add_option("--count", asked->count, "How many times [5]")->check(CLI::Range(1, 10'000))->type_name("N");
  end_help_with(*at, "leat schedule next '30 2 * * *' --tz Europe/Berlin --from 2026-10-24T00:00:00Z --count 3");
  at->callback([&app, asked] { app.choose([asked](App& chosen) { return preview(chosen, *asked); }); });
}

}  // namespace

void add_schedule(CLI::App& root, App& app) {
  auto* schedule = root.add_subcommand("schedule", "Jobs that recur: cron expressions and intervals");
  schedule->require_subcommand(1);
  add_namespace_settings(*schedule, app.options.name_space);
  end_help_with(*schedule, "leat schedule list");
  add_add(*schedule, app);
  auto* listing = schedule->add_subcommand("list", "All schedules, and when they are due next");
  end_help_with(*listing, "leat schedule list --json");
  listing->callback([&app] { app.choose(list_schedules); });
  add_act(*schedule, app, "show", show, "All about one schedule");
  add_act(*schedule, app, "pause", pause, "It does not tick until it is resumed");
  add_act(*schedule, app, "resume", resume, "It ticks again; what it missed is not made up for");
  add_act(*schedule, app, "remove", remove, "It is gone, and none of its ticks becomes a job any more");
  add_act(*schedule, app, "run", run_now, "Enqueue its job now, as an extra one");
  add_next(*schedule, app);
}

void add_scheduler(CLI::App& root, App& app) {
  auto* at = root.add_subcommand("scheduler", "Move due jobs and tick schedules, without running jobs");
  at->description(
      "Moves delayed jobs and jobs that waited for others to their queues, and makes the ticks of schedules into "
      "jobs,\n"
      "until SIGINT or SIGTERM. Every worker does so, unless its program says otherwise: run one of these where all\n"
      "workers are told not to. Of all that run, one leads, and another takes over within ten seconds of its death.");
  auto name = std::make_shared<std::string>();
  auto health = std::make_shared<std::string>();
  at->add_option("--name", *name, "For logs [host and process id]")->type_name("NAME");
  add_health(*at, *health);
  add_namespace_settings(*at, app.options.name_space);
  end_help_with(*at, "leat scheduler --health 8081");
  at->callback([&app, name, health] {
    app.choose([name, health](App& chosen) -> Result<int> {
      Log& log = chosen.log(LogLevel::kInfo);
      auto broker = chosen.broker();
      if (!broker) return broker.error();
      Worker worker(
          **broker,
          {.queues = {}, .concurrency = 1, .name_space = chosen.options.name_space, .name = *name, .log = &log});
      return serve(chosen, worker, *health, log);
    });
  });
}

}  // namespace leat::cli
