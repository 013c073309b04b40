#include "cli/serve.h"

#include "http/http_server.h"
#include "leat/runner.h"

namespace leat::cli {

CLI::Option* add_health(CLI::App& command, std::string& target) {
  return command
      .add_option_function<std::string>(
          "--health",
          [&target](const std::string& text) {
            if (const auto address = parse_http_address(text); !address)
              throw CLI::ValidationError("--health", address.error().message());
            target = text;
          },
          "Answer GET /live and GET /ready there: PORT (of 127.0.0.1) or HOST:PORT [nowhere]")
      ->type_name("ADDRESS");
}

Result<int> serve(App& app, Worker& worker, const std::string& health, Log& log) {
  const auto broker = app.broker();
  if (!broker) return broker.error();
  // Running jobs have the worker's own grace, and no limit after it but a second signal.
  Runner runner({.stop_timeout = Duration::max(), .health = health, .log = &log});
  runner.process("worker", worker);
  runner.ready_check("broker", broker_answers(**broker));
  const int code = runner.run();
  if (runner.failure()) return *runner.failure();
  return code;
}

}  // namespace leat::cli
