// `leat worker`
#include "leat/worker.h"

#include <algorithm>

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/exec_handler.h"
#include "cli/serve.h"
#include "http/http_url.h"
#include "leat/http_handler.h"

namespace leat::cli {
namespace {

constexpr Duration kShortestTimeout = std::chrono::milliseconds(1);

struct Command {
  WorkerOptions worker;
  std::vector<std::pair<std::string, std::string>> exec;  // kind, shell command
  std::vector<std::pair<std::string, std::string>> http;  // kind, URL
  HandlerOptions handlers{};
  Duration http_timeout = std::chrono::seconds(30);
  std::string health{};
};

Result<int> work(App& app, const Command& command) {
  WorkerOptions options = command.worker;
  Log& log = app.log(LogLevel::kInfo);
  std::unique_ptr<GroupGuard> guard;
  if (!command.exec.empty()) {
    auto started = GroupGuard::start();
    if (!started) return started.error();
    guard = std::move(*started);
  }
  auto broker = app.broker();
  if (!broker) return broker.error();
  options.name_space = app.options.name_space;
  options.log = &log;
  Worker worker(**broker, options);
  for (const auto& [kind, shell] : command.exec)
    worker.handle(kind, make_exec_handler(shell, {}, guard.get()), command.handlers);
  for (const auto& [kind, url] : command.http)
    worker.handle(kind,
                  http_handler(url, {.timeout = command.http_timeout, .user_agent = "leat/" LEAT_VERSION}).value(),
                  command.handlers);
  return serve(app, worker, command.health, log);
}

// The two halves of KIND=HANDLER, when the kind is one that has no handler yet.
std::pair<std::string, std::string> kind_and_handler(const Command& command, const std::string& option,
                                                     const std::string& text) {
  auto pair = split_pair(option, text);
  if (const auto named = check_job_kind(pair.first); !named)
    throw CLI::ValidationError(option, named.error().message());
  for (const auto* given : {&command.exec, &command.http}) {
    for (const auto& [kind, handler] : *given) {
      if (kind == pair.first)
        throw CLI::ValidationError(option, "kind \"" + kind + "\" stands twice: a kind has one handler");
    }
  }
  return pair;
}

void add_exec(Command& command, const std::string& text) {
  auto exec = kind_and_handler(command, "--exec", text);
  if (exec.second.find_first_not_of(" \t\n") == std::string::npos)
    throw CLI::ValidationError("--exec", "\"" + exec.first + "=\" has no command");
  command.exec.push_back(std::move(exec));
}

void add_http(Command& command, const std::string& text) {
  auto http = kind_and_handler(command, "--http", text);
  if (const auto checked = check_http_url(http.second); !checked)
    throw CLI::ValidationError("--http", "kind \"" + http.first + "\": " + checked.error().message());
  command.http.push_back(std::move(http));
}

// Repeated: one kind and its handler each time.
void add_handlers(CLI::App& at, Command& command, const std::string& option, const std::string& type,
                  void (*add)(Command&, const std::string&), const std::string& description) {
  at.add_option_function<std::vector<std::string>>(
        option,
        [&command, add](const std::vector<std::string>& texts) {
          for (const std::string& text : texts) add(command, text);
        },
        description)
      ->allow_extra_args(false)
      ->type_name(type);
}

std::vector<std::string> queues_or_throw(const std::vector<std::string>& lists) {
  std::vector<std::string> queues;
  for (const std::string& list : lists) {
    for (std::string& name : split_at_commas(list)) {
      if (const auto named = check_queue_name(name); !named)
        throw CLI::ValidationError("--queue", named.error().message());
      if (std::find(queues.begin(), queues.end(), name) != queues.end())
        throw CLI::ValidationError("--queue", "\"" + name + "\" stands twice: name each queue once");
      queues.push_back(std::move(name));
    }
  }
  return queues;
}

void add_what(CLI::App& at, Command& command) {
  at.add_option_function<std::vector<std::string>>(
        "--queue",
        [&command](const std::vector<std::string>& lists) { command.worker.queues = queues_or_throw(lists); },
        "Queues, joined by commas [default]")
      ->allow_extra_args(false)
      ->type_name("NAME,...");
  add_handlers(at, command, "--exec", "KIND=COMMAND", add_exec,
               "The shell command for jobs of a kind; repeat it for more kinds");
  add_handlers(at, command, "--http", "KIND=URL", add_http, "Where jobs of a kind are posted to; repeat it too");
  add_duration(at, "--http-timeout", command.http_timeout, "For one answer", kShortestTimeout);
}

void add_limits(CLI::App& at, Command& command) {
  add_duration(at, "--timeout", command.handlers.timeout, "For one attempt, unless the job has its own [none]",
               kShortestTimeout);
  add_duration(at, "--stuck-after", command.worker.stuck_after, "When what goes on although it was stopped is reported",
               kShortestTimeout);
  add_duration(at, "--unknown-kind-grace", command.worker.unknown_kind_grace,
               "How long a job of a kind that is not served here waits for another worker");
}

void add_how(CLI::App& at, WorkerOptions& worker) {
  at.add_option("--concurrency", worker.concurrency, "Jobs at a time [processors of the machine]")
      ->check(CLI::Range(1U, 10'000U))
      ->type_name("N");
  add_max_attempts(at, worker.max_attempts);
  add_retry(at, worker.retry);
  add_duration(at, "--ack-wait", worker.ack_wait, "A dead worker's jobs run elsewhere after it",
               std::chrono::milliseconds(100));
  add_duration(at, "--grace", worker.grace, "What running jobs get when the worker stops");
  at.add_flag_callback(
      "--strict", [&worker] { worker.order = WorkerOptions::Order::kStrict; },
      "A lower priority only when no higher one waits [weighted]");
  at.add_flag_callback(
      "--no-scheduler", [&worker] { worker.scheduler = false; },
      "Leave the moving of due jobs and the ticks of schedules to others");
  at.add_option("--name", worker.name, "For logs and attempts [host and process id]")->type_name("NAME");
}

}  // namespace

void add_worker(CLI::App& root, App& app) {
  auto* at = root.add_subcommand("worker", "Run jobs by shell commands and HTTP requests");
  at->description(
      "Run jobs by shell commands and HTTP requests, until SIGINT or SIGTERM.\n\n"
      "A command gets the payload on standard input, and LEAT_JOB_ID, LEAT_KIND, LEAT_QUEUE, LEAT_PRIORITY,\n"
      "LEAT_ATTEMPT, LEAT_MAX_ATTEMPTS, LEAT_ENQUEUED_AT and LEAT_HEADER_<NAME> in its environment. Its exit code is\n"
      "the verdict: 0 done (its output, up to 64 KiB, is the result), 65 dead at once, anything else another attempt;\n"
      "the end of its standard error is kept as the error. After --timeout, and --grace after the worker was told to\n"
      "stop, it gets SIGTERM, and SIGKILL 10 s later.\n\n"
      "A URL gets the payload by POST, with Leat-Job-Id, Leat-Kind, Leat-Attempt, Leat-Max-Attempts and the job's own\n"
      "headers. The status is the verdict: 2xx done (the body, up to 64 KiB, is the result), 4xx dead at once but for\n"
      "408, 425 and 429, anything else another attempt, after the time that Retry-After says.\n\n"
      "With --health, GET /live and GET /ready answer 200, or 503 with the checks that fail: ready is no worker that\n"
      "starts or stops, or whose broker does not answer. A second signal ends the worker at once.");
  auto command = std::make_shared<Command>();
  add_what(*at, *command);
  add_limits(*at, *command);
  add_how(*at, command->worker);
  add_health(*at, command->health);
  add_namespace_settings(*at, app.options.name_space);
  end_help_with(
      *at,
      "leat worker --queue images,default --exec resize='./resize.sh' --exec notify='curl -fsS -d @- $HOOK'\n  "
      "leat worker --exec resize='./resize.sh' --health 8081    # then: curl -f localhost:8081/ready");
  at->callback([&app, command] {
    if (command->exec.empty() && command->http.empty()) throw CLI::RequiredError("--exec or --http");
    app.choose([command](App& chosen) { return work(chosen, *command); });
  });
}

}  // namespace leat::cli
