// `leat migrate`
#include "leat/migrations.h"

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/stop_at_signal.h"
#include "cli/table.h"
#include "core/text.h"
#include "pipeline/clickhouse/backoff.h"

namespace leat::cli {
namespace {

// What the command line says to all of them.
struct Place {
  std::string url;
  std::string directory = "migrations";
  std::string library;
  Duration lock_wait = MigrationsOptions{}.lock_wait;
};

struct Ready {
  std::unique_ptr<ClickHouse> engine;
  std::vector<MigrationFile> files;
};

// The engine and the files. A `--url` before the command counts too, when it is one of ClickHouse.
Result<Ready> prepare(App& app, const Place& place, const std::stop_token& stop = {}) {
  const std::string& global = app.options.url;
  const std::string url = place.url.empty() && is_clickhouse_url(global) ? global : place.url;
  if (url.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "no ClickHouse is named: give --url or set LEAT_CLICKHOUSE_URL, for example to "
                 "clickhouse://user:password@localhost:8123/events or chdb:events");
  }
  auto files = read_migrations(place.directory);
  if (!files && files.error().code() == ErrorCode::kNotFound) {
    return Error(ErrorCode::kNotFound, files.error().message() + ": name the directory of the SQL files with --dir");
  }
  if (!files) return files.error();
  auto engine = open_clickhouse(url, {.library = place.library, .log = &app.log(), .stop = stop});
  if (!engine) return engine.error();
  return Ready{std::move(*engine), std::move(*files)};
}

Migrations migrations_of(App& app, const Place& place, const Ready& ready) {
  return Migrations(*ready.engine, ready.files, {.lock_wait = place.lock_wait, .log = &app.log()});
}

std::string name_of(const Ready& ready, std::uint64_t version) {
  for (const MigrationFile& file : ready.files) {
    if (file.version == version) return file.name;
  }
  return std::to_string(version);
}

Error interrupted() {
  return {ErrorCode::kUnavailable, "interrupted: `leat migrate status` shows what is applied"};
}

// What was waited for in vain, when a signal ended the waiting.
Error told(const Error& error, const std::stop_token& stop) {
  return stop.stop_requested() && is_passing(error) ? interrupted() : error;
}

void report(App& app, const Ready& ready, const char* what, const std::vector<std::uint64_t>& versions) {
  if (app.options.json) {
    auto list = nlohmann::json::array();
    for (const std::uint64_t version : versions) list.push_back(std::to_string(version));
    app.print_json({{what, list}});
    return;
  }
  for (const std::uint64_t version : versions) app.print(std::string(what) + " " + name_of(ready, version));
}

using Versions = std::vector<std::uint64_t>;
using Move = Result<Versions> (Migrations::*)(std::optional<std::uint64_t> to, std::stop_token stop);

// A signal ends the waiting at once, and a move between two files.
Result<int> run(App& app, const Place& place, Move move, const char* what, std::optional<std::uint64_t> to) {
  const StopAtSignal stop;
  const auto ready = prepare(app, place, stop.token());
  if (!ready) return told(ready.error(), stop.token());
  Migrations migrations = migrations_of(app, place, *ready);
  const auto moved = (migrations.*move)(to, stop.token());
  if (!moved) return told(moved.error(), stop.token());
  report(app, *ready, what, *moved);
  if (stop.token().stop_requested()) return interrupted();
  if (moved->empty() && !app.options.json) app.print("nothing to do");
  return kExitOk;
}

Result<int> up(App& app, const Place& place, std::optional<std::uint64_t> to) {
  return run(app, place, &Migrations::up, "applied", to);
}

Result<int> down(App& app, const Place& place, std::optional<std::uint64_t> to) {
  return run(app, place, &Migrations::down, "reverted", to);
}

// Exit code 1 when something stands in the way of `up`: for scripts.
Result<int> status(App& app, const Place& place) {
  const StopAtSignal stop;
  const auto ready = prepare(app, place, stop.token());
  if (!ready) return told(ready.error(), stop.token());
  const auto list = migrations_of(app, place, *ready).status(stop.token());
  if (!list) return told(list.error(), stop.token());
  Table table({{"VERSION"}, {"DESCRIPTION"}, {"STATE"}, {"AT"}});
  auto json = nlohmann::json::array();
  bool clean = true;
  for (const MigrationStatus& one : *list) {
    const std::string at = one.at ? to_rfc3339(*one.at) : "";
    using enum MigrationStatus::State;
    clean = clean && (one.state == kPending || one.state == kApplied);
    const std::string version = std::to_string(one.version);
    table.add_row({version, one.description, std::string(to_string(one.state)), at});
    json.push_back({{"version", version}, {"description", one.description}, {"state", to_string(one.state)}});
    if (one.at) json.back()["at"] = at;
  }
  if (app.options.json) {
    app.print_json(json);
  } else {
    app.print(list->empty() ? "no migrations in " + place.directory : table.str());
  }
  return clean ? kExitOk : kExitFailure;
}

Result<int> settle(App& app, const Place& place, std::uint64_t version, Migrations::Settled as) {
  const auto ready = prepare(app, place);
  if (!ready) return ready.error();
  if (auto settled = migrations_of(app, place, *ready).settle(version, as); !settled) return settled.error();
  const std::string word = as == Migrations::Settled::kApplied ? "applied" : "pending";
  if (app.options.json) {
    app.print_json({{"version", std::to_string(version)}, {"state", word}});
  } else {
    app.print(name_of(*ready, version) + " is " + word);
  }
  return kExitOk;
}

void add_version(CLI::App& command, const std::string& name, std::optional<std::uint64_t>& target,
                 const std::string& description) {
  command
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            target = parse_number(text);
            if (!target)
              throw CLI::ValidationError(name, "\"" + text + "\": give a version, as `migrate status` shows it");
          },
          description)
      ->type_name("VERSION");
}

void add_up_and_down(CLI::App& migrate, App& app, const std::shared_ptr<Place>& place) {
  auto to = std::make_shared<std::optional<std::uint64_t>>();
  auto* upward = migrate.add_subcommand("up", "Apply what is pending, oldest first");
  add_version(*upward, "--to", *to, "Up to this one, and that one with it [all]");
  end_help_with(*upward, "leat migrate up --url clickhouse://localhost:8123/events --dir migrations");
  upward->callback([&app, place, to] { app.choose([place, to](App& chosen) { return up(chosen, *place, *to); }); });

  auto left = std::make_shared<std::optional<std::uint64_t>>();
  auto* downward = migrate.add_subcommand("down", "Take back the newest that is applied, or several");
  add_version(*downward, "--to", *left, "All that are newer than this one; 0: all [the newest alone]");
  end_help_with(*downward, "leat migrate down --to 20260131120000 --url clickhouse://localhost:8123/events");
  downward->callback(
      [&app, place, left] { app.choose([place, left](App& chosen) { return down(chosen, *place, *left); }); });
}

void add_settle(CLI::App& migrate, App& app, const std::shared_ptr<Place>& place) {
  auto version = std::make_shared<std::optional<std::uint64_t>>();
  auto as = std::make_shared<Migrations::Settled>(Migrations::Settled::kPending);
  auto* settling = migrate.add_subcommand("settle", "Say what became of one that is applied by half");
  add_version(*settling, "version", *version, "Of the file");
  settling->get_option("version")->required();
  settling
      ->add_option_function<std::string>(
          "--as",
          [as](const std::string& text) {
            if (text != "applied" && text != "pending") {
              throw CLI::ValidationError("--as", "\"" + text + "\": use applied or pending");
            }
            *as = text == "applied" ? Migrations::Settled::kApplied : Migrations::Settled::kPending;
          },
          "applied: all of it is done; pending: none of it is")
      ->type_name("STATE")
      ->required();
  end_help_with(*settling, "leat migrate settle 20260131120000 --as applied --url clickhouse://localhost:8123/events");
  settling->callback([&app, place, version, as] {
    app.choose([place, version, as](App& chosen) { return settle(chosen, *place, **version, *as); });
  });
}

}  // namespace

void add_migrate(CLI::App& root, App& app) {
  auto* migrate = root.add_subcommand("migrate", "Change a ClickHouse schema by SQL files, each once and in order");
  migrate->require_subcommand(1);
  migrate->fallthrough();
  auto place = std::make_shared<Place>();
  migrate
      ->add_option("--url,--clickhouse", place->url,
                   "clickhouse://[USER:PASSWORD@]HOST[:8123]/DATABASE, https://..., chdb:PATH")
      ->envname("LEAT_CLICKHOUSE_URL")
      ->type_name("URL");
  migrate->add_option("--dir", place->directory, "Of the files {timestamp}_{description}.sql [migrations]")
      ->type_name("DIRECTORY");
  add_chdb(*migrate, place->library);
  add_duration(*migrate, "--lock-wait", place->lock_wait, "For another runner to finish");
  end_help_with(*migrate, "leat migrate up --url clickhouse://localhost:8123/events --dir migrations");
  add_up_and_down(*migrate, app, place);
  auto* showing = migrate->add_subcommand("status", "Which are applied, and what stands in the way of the others");
  end_help_with(*showing, "leat migrate status --url clickhouse://localhost:8123/events --json");
  showing->callback([&app, place] { app.choose([place](App& chosen) { return status(chosen, *place); }); });
  add_settle(*migrate, app, place);
}

}  // namespace leat::cli
