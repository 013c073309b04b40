// `leat ingest`
#include <memory>

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/ingest_service.h"
#include "cli/table.h"
#include "core/text.h"

namespace leat::cli {
namespace {

constexpr const char* kDefaultUrl = "sqlite:leat-ingest.db";

// After a signal what is left in the stream comes with the next run, so only a run that ends by itself must be exact.
bool is_right(const IngestOptions& options, const IngestReport& report) {
  if (options.count == 0 || report.events < options.count) return report.rows == report.distinct;
  return report.is_exact();
}

void show(App& app, const IngestReport& report, bool ok) {
  if (app.options.json) {
    return app.print_json({{"events", report.events},
                           {"rows", report.rows},
                           {"distinct", report.distinct},
                           {"dead_letters", report.dead_letters},
                           {"exactly_once", report.exactly_once},
                           {"milliseconds", std::chrono::floor<std::chrono::milliseconds>(report.took).count()},
                           {"ok", ok}});
  }
  app.print(with_commas(report.events) + " events in the stream, " + with_commas(report.rows) +
            " rows of them in the table, " + with_commas(report.distinct) + " distinct, " +
            with_commas(report.dead_letters) + " dead letters, in " +
            format_duration(std::chrono::floor<std::chrono::milliseconds>(report.took)));
  if (const std::uint64_t there = report.distinct + report.dead_letters; there < report.events) {
    app.print(with_commas(report.events - there) + " events are left for the next run");
  }
  app.print(report.exactly_once ? "exactly once, also after a crash"
                                : "at least once: this ClickHouse or its table remembers no inserts");
  if (!ok) app.print("FAILED  the table does not have what the stream has");
}

Result<int> run(App& app, IngestOptions options) {
  if (app.options.url.empty()) app.options.url = kDefaultUrl;
  options.name_space = app.options.name_space.name;
  Log& log = app.log(LogLevel::kInfo);
  const auto report = ingest([&] { return app.broker(); }, options, log);
  if (!report) return report.error();
  const bool ok = is_right(options, *report);
  show(app, *report, ok);
  return ok ? kExitOk : kExitFailure;
}

}  // namespace

void add_ingest(CLI::App& root, App& app) {
  auto* at = root.add_subcommand("ingest", "All in one: sample events through a stream into ClickHouse");
  at->description(
      "Makes the table and the stream, sends envelopes as devices would (proto/leat/processed_envelope.proto), and\n"
      "writes them into the table processed_envelopes. Without servers by default: an SQLite file and ClickHouse's "
      "own\n"
      "engine (libchdb); give --url and --clickhouse to use servers. Phases and trouble are logged to standard error.\n"
      "Without --url the broker is " +
      std::string(kDefaultUrl) + ".");
  auto options = std::make_shared<IngestOptions>();
  at->add_option("--clickhouse", options->clickhouse_url,
                 "clickhouse://USER:PASSWORD@HOST:8123/DATABASE, chdb:DIRECTORY")
      ->envname("LEAT_CLICKHOUSE_URL")
      ->capture_default_str()
      ->type_name("URL");
  add_chdb(*at, options->library);
  const auto number = [&](const char* name, const char* variable, std::uint64_t& target, std::uint64_t least,
                          std::uint64_t most, const char* description) {
    at->add_option(name, target, description)
        ->envname(variable)
        ->capture_default_str()
        ->check(CLI::Range(least, most))
        ->type_name("N");
  };
  number("--count", "LEAT_INGEST_COUNT", options->count, 0, 1'000'000'000, "Events; 0: until SIGINT or SIGTERM");
  number("--rate", "LEAT_INGEST_RATE", options->rate, 0, 10'000'000, "Events a second; 0: as many as the broker takes");
  number("--devices", "LEAT_INGEST_DEVICES", options->devices, 1, 1'000'000, "That send them");
  number("--seed", "LEAT_INGEST_SEED", options->seed, 0, UINT64_MAX / 2, "Of the events; 0: another one each time");
  at->add_option("--replicas", options->replicas, "Of what is made on a cluster, 1 to 5")
      ->envname("LEAT_INGEST_REPLICAS")
      ->capture_default_str()
      ->check(CLI::Range(1U, 5U))
      ->type_name("N");
  at->add_option("--health", options->health, "Where /live and /ready are answered: HOST:PORT [nowhere]")
      ->envname("LEAT_INGEST_HEALTH")
      ->type_name("ADDRESS");
  end_help_with(*at, "leat ingest --count 100000 --rate 0");
  at->callback([&app, options] { app.choose([options](App& chosen) { return run(chosen, *options); }); });
}

}  // namespace leat::cli
