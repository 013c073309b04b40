#include "cli/command_line.h"

#include <algorithm>
#include <csignal>
#include <string_view>

#include "cli/commands.h"
#include "cli/usage.h"

namespace leat::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 ok, 1 failure, 2 usage (the command line is wrong, or a value in it is refused).\n\n"
    "Example:\n"
    "  leat --url sqlite:jobs.db enqueue greet '{\"to\":\"Ada\"}'\n"
    "  leat --url sqlite:jobs.db worker --exec greet='cat >&2'";

LogLevel level_named(const std::string& text) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError, LogLevel::kOff}) {
    if (to_string(level) == text) return level;
  }
  throw CLI::ValidationError("--log-level", "\"" + text + "\": use debug, info, warn, error or off");
}

void add_globals(CLI::App& root, GlobalOptions& options) {
  root.add_option("--url", options.url, "The broker: sqlite:FILE, nats://HOST[:PORT][,...], tls://...")
      ->envname("LEAT_URL")
      ->type_name("URL");
  root.add_option("--namespace", options.name_space.name, "Of all streams and buckets [leat]")
      ->envname("LEAT_NAMESPACE")
      ->type_name("NAME");
  root.add_flag("--json", options.json, "Print JSON, errors too");
  root.add_option_function<std::string>(
          "--log-level", [&options](const std::string& text) { options.log_level = level_named(text); },
          "debug, info, warn, error or off [worker: info, else warn]")
      ->type_name("LEVEL");
  root.set_version_flag("--version", LEAT_VERSION, "Print the version");
}

}  // namespace

int run_command_line(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error like a full disk, not the end of the process
  App app;
  CLI::App root("Durable background jobs, and events into ClickHouse, on an SQLite file or NATS JetStream.", "leat");
  root.fallthrough();
  root.require_subcommand(1);
  root.get_formatter()->column_width(34);
  add_globals(root, app.options);
  add_enqueue(root, app);
  add_worker(root, app);
  add_workers(root, app);
  add_job(root, app);
  add_queue(root, app);
  add_dead(root, app);
  add_events(root, app);
  add_schedule(root, app);
  add_scheduler(root, app);
  add_migrate(root, app);
  add_pipeline(root, app);
  add_ingest(root, app);
  add_demo(root, app);
  add_bench(root, app);
  root.footer(kFooter);
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return root.exit(asked);
  } catch (const CLI::ParseError& wrong) {
    // The flag may stand behind what could not be parsed.
    app.options.json = std::any_of(argv + 1, argv + argc, [](std::string_view word) { return word == "--json"; });
    const Error error = usage_error(root, wrong);
    print_error(app.options, error);
    return exit_code(error);
  }
  return app.run();
}

}  // namespace leat::cli
