// `leat worker`
#include "leat/worker.h"

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/exec_handler.h"

namespace leat::cli {
namespace {

struct Command {
  WorkerOptions worker;
  std::vector<std::pair<std::string, std::string>> exec;  // kind, shell command
};

Result<int> work(App& app, const Command& command) {
  WorkerOptions options = command.worker;
  Log& log = app.log(LogLevel::kInfo);
  auto guard = GroupGuard::start();
  if (!guard) return guard.error();
  auto broker = app.broker();
  if (!broker) return broker.error();
  options.name_space = app.options.name_space;
  options.log = &log;
  Worker worker(**broker, options);
  for (const auto& [kind, shell] : command.exec) worker.handle(kind, make_exec_handler(shell, {}, guard->get()));
  return run(worker);
}

void add_exec(Command& command, std::pair<std::string, std::string> exec) {
  const auto& [kind, shell] = exec;
  if (const auto named = check_job_kind(kind); !named) throw CLI::ValidationError("--exec", named.error().message());
  if (shell.find_first_not_of(" \t\n") == shell.npos)
    throw CLI::ValidationError("--exec", "\"" + kind + "=\" has no command");
  for (const auto& [known, other] : command.exec) {
    if (known == kind)
      throw CLI::ValidationError("--exec", "kind \"" + kind + "\" stands twice: a kind has one command");
  }
  command.exec.push_back(std::move(exec));
}

void add_what(CLI::App& at, Command& command) {
  at.add_option_function<std::vector<std::string>>(
        "--queue",
        [&command](const std::vector<std::string>& names) {
          for (const std::string& name : names) {
            if (const auto named = check_queue_name(name); !named)
              throw CLI::ValidationError("--queue", named.error().message());
          }
          command.worker.queues = names;
        },
        "Queues, joined by commas [default]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...");
  at.add_option_function<std::vector<std::string>>(
        "--exec",
        [&command](const std::vector<std::string>& pairs) {
          for (const std::string& pair : pairs) add_exec(command, split_pair("--exec", pair));
        },
        "The shell command for jobs of a kind; repeat it for more kinds")
      ->required()
      ->allow_extra_args(false)
      ->type_name("KIND=COMMAND");
}

void add_how(CLI::App& at, WorkerOptions& worker) {
  at.add_option("--concurrency", worker.concurrency, "Jobs at a time [processors of the machine]")
      ->check(CLI::Range(1U, 10'000U))
      ->type_name("N");
  at.add_option("--max-attempts", worker.max_attempts, "Attempts before a job is dead [5]")
      ->check(CLI::Range(1U, 1'000'000U))
      ->type_name("N");
  add_duration(at, "--retry-first", worker.retry.first, "Wait before the second attempt");
  at.add_option("--retry-factor", worker.retry.factor, "Each wait is this many times the one before [2]")
      ->check(CLI::Range(1.0, 1000.0))
      ->type_name("X");
  add_duration(at, "--retry-longest", worker.retry.longest, "No wait is longer");
  add_duration(at, "--ack-wait", worker.ack_wait, "A dead worker's jobs run elsewhere after it");
  add_duration(at, "--grace", worker.grace, "What running jobs get when the worker stops");
  at.add_flag_callback(
      "--strict", [&worker] { worker.order = WorkerOptions::Order::kStrict; },
      "A lower priority only when no higher one waits [weighted]");
  at.add_option("--name", worker.name, "For logs and attempts [host and process id]")->type_name("NAME");
}

}  // namespace

void add_worker(CLI::App& root, App& app) {
  auto* at = root.add_subcommand("worker", "Run jobs as shell commands");
  at->description(
      "Run jobs as shell commands, until SIGINT or SIGTERM.\n\n"
      "A command gets the payload on standard input, and LEAT_JOB_ID, LEAT_KIND, LEAT_QUEUE, LEAT_PRIORITY,\n"
      "LEAT_ATTEMPT, LEAT_MAX_ATTEMPTS, LEAT_ENQUEUED_AT and LEAT_HEADER_<NAME> in its environment. Its exit code is\n"
      "the verdict: 0 done (its output, up to 64 KiB, is the result), 65 dead at once, anything else another attempt;\n"
      "the end of its standard error is kept as the error. When the worker stops it gets SIGTERM after --grace, and\n"
      "SIGKILL 10 s later.");
  auto command = std::make_shared<Command>();
  add_what(*at, *command);
  add_how(*at, command->worker);
  end_help_with(*at, "leat worker --queue images,default --exec resize='./resize.sh' --exec notify='curl -d @- $HOOK'");
  at->callback([&app, command] { app.choose([command](App& chosen) { return work(chosen, *command); }); });
}

}  // namespace leat::cli
