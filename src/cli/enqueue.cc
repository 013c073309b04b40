// `leat enqueue`
#include <array>
#include <utility>

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/enqueue_lines.h"
#include "cli/job_result.h"
#include "cli/json_check.h"
#include "jobs/unique_key.h"
#include "leat/queue.h"

namespace leat::cli {
namespace {

struct EnqueueOptions {
  std::string kind;
  std::string payload;
  std::string queue = "default";
  Priority priority = Priority::kMedium;
  std::optional<unsigned> max_attempts;
  std::optional<RetryPolicy> retry;
  std::optional<Duration> timeout;
  std::optional<SystemTime> deadline;
  std::string unique;
  Unique::IfTaken on_conflict = Unique::IfTaken::kRefuse;
  Unique::WhenDue when_due = Unique::WhenDue::kDrop;
  std::optional<Duration> wait;
  Headers headers;
  bool result = false;
  bool raw = false;
  bool bulk = false;
  bool ids = false;
  bool track = false;
  std::vector<JobId> after;
  IfDead if_dead = IfDead::kCancel;
  std::optional<SystemTime> at;
  std::optional<Duration> delay;
};

std::optional<Unique> unique(const EnqueueOptions& options) {
  if (options.unique.empty()) return std::nullopt;
  return Unique{.key = options.unique, .if_taken = options.on_conflict, .when_due = options.when_due};
}

// One of two words.
template <class Value>
CLI::Option* add_choice(CLI::App& command, const std::string& name, Value& target,
                        const std::array<std::pair<std::string, Value>, 2>& choices, const std::string& description) {
  const auto& [first, second] = choices;
  return command
      .add_option_function<std::string>(
          name,
          [name, &target, choices](const std::string& text) {
            for (const auto& [word, value] : choices) {
              if (word == text) return void(target = value);
            }
            throw CLI::ValidationError(name, "\"" + text + "\": use " + choices[0].first + " or " + choices[1].first);
          },
          description + " [" + first.first + "]")
      ->type_name(first.first + "|" + second.first);
}

PushOptions push_options(const EnqueueOptions& options) {
  return {.priority = options.priority,
          .lane = options.bulk ? Lane::kBulk : Lane::kAddressable,
          .result = options.result || options.wait ? KeepResult::kYes : KeepResult::kNo,
          .max_attempts = options.max_attempts,
          .retry = options.retry,
          .timeout = options.timeout,
          .deadline = options.deadline,
          .unique = unique(options),
          .track = options.track,
          .after = options.after,
          .if_dead = options.if_dead,
          .at = options.at,
          .delay = options.delay};
}

Result<int> enqueue_input(App& app, Queue& queue, const EnqueueOptions& options) {
  const auto needs_one = [](const std::string& option) {
    return Error(ErrorCode::kInvalidArgument, option + " needs a single job: give its JSON instead of -");
  };
  if (options.wait) return needs_one("--wait");
  if (!options.unique.empty()) return needs_one("--unique");
  return enqueue_lines(app, queue,
                       {.kind = options.kind,
                        .headers = options.headers,
                        .push = push_options(options),
                        .check = options.raw ? LineJobs::Check::kNone : LineJobs::Check::kJson,
                        .ids = options.ids ? LineJobs::Ids::kPrint : LineJobs::Ids::kHide});
}

Result<int> enqueue_one(App& app, Queue& queue, const EnqueueOptions& options) {
  const auto id = queue.push(EncodedJob{options.kind, options.payload, options.headers}, push_options(options));
  if (!id) return id.error();
  if (options.wait) return print_result(app, *id, *options.wait);
  if (app.options.json) {
    app.print_json(nlohmann::json{{"id", id->str()}});
  } else {
    app.print(id->str());
  }
  return kExitOk;
}

Result<int> enqueue(App& app, const EnqueueOptions& options) {
  const bool from_input = options.payload == "-";
  if (!from_input && !options.raw) {
    if (const auto checked = check_json(options.payload); !checked)
      return Error(checked.error().code(), checked.error().message() + ": quote it for the shell, or give --raw");
  }
  auto broker = app.broker();
  if (!broker) return broker.error();
  Queue queue(**broker, {.name = options.queue, .name_space = app.options.name_space, .log = &app.log()});
  return from_input ? enqueue_input(app, queue, options) : enqueue_one(app, queue, options);
}

void add_waiting(CLI::App& command, const std::shared_ptr<EnqueueOptions>& options) {
  command.add_flag("--track", options->track, "Leave a record of how it ends: other jobs can wait for it");
  command
      .add_option_function<std::vector<std::string>>(
          "--after",
          [options](const std::vector<std::string>& ids) {
            for (const std::string& list : ids) {
              for (const std::string& text : split_at_commas(list)) {
                auto id = JobId::parse(text);
                if (!id) throw CLI::ValidationError("--after", id.error().message());
                options->after.push_back(std::move(*id));
              }
            }
          },
          "Run it when these tracked jobs are done; joined by commas")
      ->allow_extra_args(false)
      ->type_name("ID,...");
  add_choice(command, "--if-dead", options->if_dead, {{{"cancel", IfDead::kCancel}, {"run", IfDead::kRun}}},
             "When one of those is dead or cancelled: cancel it too, or run it")
      ->needs("--after");
}

void add_unique(CLI::App& command, const std::shared_ptr<EnqueueOptions>& options) {
  command
      .add_option_function<std::string>(
          "--unique",
          [options](const std::string& key) {
            if (const auto checked = check_unique_key(key); !checked)
              throw CLI::ValidationError("--unique", checked.error().message());
            options->unique = key;
          },
          "Only if no job of this key is there and not done, in its queue and priority")
      ->type_name("KEY");
  add_choice(command, "--on-conflict", options->on_conflict,
             {{{"reject", Unique::IfTaken::kRefuse}, {"existing", Unique::IfTaken::kReturnExisting}}},
             "When the key is taken: fail, or print the id of the job that has it")
      ->needs("--unique");
  add_choice(command, "--when-due", options->when_due,
             {{{"drop", Unique::WhenDue::kDrop}, {"wait", Unique::WhenDue::kWait}}},
             "When the key is taken as it comes due (--at, --in, --after): drop it, or wait")
      ->needs("--unique");
}

}  // namespace

void add_enqueue(CLI::App& root, App& app) {
  auto* command = root.add_subcommand("enqueue", "Enqueue one job, or one for each line of standard input");
  command->description(
      "Enqueues one job, or one for each line of standard input, and prints its id.\n\n"
      "Its own options go before what its handler and its worker say. With any of --retry-first, --retry-factor and\n"
      "--retry-longest it has retries of its own, and the others are as shown.");
  auto options = std::make_shared<EnqueueOptions>();
  command->add_option("KIND", options->kind, "What kind of job it is; picks the handler")->required();
  command->add_option("JSON", options->payload, "The job's data; - reads one job per line from standard input")
      ->required();
  add_queue_name(*command, options->queue);
  add_priority(*command, options->priority);
  add_max_attempts(*command, options->max_attempts);
  add_retry(*command, options->retry);
  add_duration(*command, "--timeout", options->timeout, "For one attempt [the handler's]",
               std::chrono::milliseconds(1));
  add_time_or_duration(*command, "--deadline", options->deadline, "After it the job is dead, begun or not [none]");
  add_headers(*command, options->headers);
  command->add_flag("--result", options->result, "Keep its result for `leat job result`");
  add_duration(*command, "--wait", options->wait, "Wait for its result and print it; fails when the job dies");
  command->add_flag("--bulk", options->bulk, "The faster lane, without status or cancellation of single jobs");
  add_unique(*command, options);
  add_waiting(*command, options);
  auto* at = add_time(*command, "--at", options->at, "Run it at this time, not before");
  auto* in = add_duration(*command, "--in", options->delay, "Run it after this time");
  at->excludes(in);
  command->add_flag("--raw", options->raw, "Take the data as it is, JSON or not");
  command->add_flag("--ids", options->ids, "With -: print the id of each job");
  add_namespace_settings(*command, app.options.name_space);
  end_help_with(*command,
                "leat enqueue send_email '{\"to\":\"ada@example.com\"}' --priority high\n"
                "  leat enqueue resize - --queue images < jobs.ndjson\n"
                "  leat enqueue remind '{}' --in 2h\n"
                "  leat enqueue invoice '{\"number\":17}' --unique invoice-17 --on-conflict existing");
  command->callback([&app, options] { app.choose([options](App& chosen) { return enqueue(chosen, *options); }); });
}

}  // namespace leat::cli
