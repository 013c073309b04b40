// `leat job`
#include "leat/job.h"

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/job_result.h"
#include "cli/job_status.h"
#include "core/later.h"
#include "core/text.h"
#include "leat/job_control.h"

namespace leat::cli {
namespace {

// A command on one job, and how long it waits.
struct OneJob {
  std::string id;
  Duration wait{0};
};
using Act = Result<int> (*)(App&, const JobId&, std::chrono::milliseconds wait);

Result<int> result(App& app, const JobId& id, std::chrono::milliseconds wait) {
  return print_result(app, id, wait);
}

Result<int> status(App& app, const JobId& id, std::chrono::milliseconds wait) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  const auto found = Inspector(**broker, app.options.name_space).job(id, {.ask = wait});
  if (!found) return found.error();
  if (app.options.json) {
    app.print_json(cli::to_json(id, *found));
  } else {
    app.print(to_text(id, *found));
  }
  return found->state == JobStatus::State::kUnknown ? kExitFailure : kExitOk;
}

std::string_view name_of(CancelResult::Was was) {
  switch (was) {
    case CancelResult::Was::kUnknown: return "unknown";
    case CancelResult::Was::kScheduled: return "scheduled";
    case CancelResult::Was::kPending: return "pending";
    case CancelResult::Was::kRetrying: return "retrying";
    case CancelResult::Was::kHeld: return "held";
    case CancelResult::Was::kRunning: return "running";
    case CancelResult::Was::kNoAnswer: return "no_answer";
  }
  return "";
}

std::string sentence_of(const JobId& id, const CancelResult& cancelled) {
  switch (cancelled.was) {
    case CancelResult::Was::kUnknown: return id.str() + " is not there: it is finished, or was never enqueued";
    case CancelResult::Was::kScheduled: return id.str() + " is cancelled; it waited for its time or for other jobs";
    case CancelResult::Was::kPending: return id.str() + " is cancelled; no worker had it";
    case CancelResult::Was::kRetrying: return id.str() + " is cancelled; it waited for a retry";
    case CancelResult::Was::kHeld: return id.str() + " is cancelled; " + cancelled.worker + " had not begun it";
    case CancelResult::Was::kRunning:
      return id.str() + " runs on " + cancelled.worker + ": its handler was told to stop";
    case CancelResult::Was::kNoAnswer:
      return id.str() +
             " is removed, but a worker may have it and none answered: if that one lives, its handler goes on";
  }
  return "";
}

Result<int> cancel(App& app, const JobId& id, std::chrono::milliseconds wait) {
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  const auto cancelled = JobControl(**broker, app.options.name_space).cancel(id, wait);
  if (!cancelled) return cancelled.error();
  const bool there = cancelled->was != CancelResult::Was::kUnknown;
  if (app.options.json) {
    app.print_json({{"id", id.str()}, {"was", name_of(cancelled->was)}, {"worker", cancelled->worker}});
  } else if (there) {
    app.print(sentence_of(id, *cancelled));
  } else {
    return Error(ErrorCode::kNotFound, sentence_of(id, *cancelled));
  }
  return there ? kExitOk : kExitFailure;
}

void add_act(CLI::App& job, App& app, const std::string& name, Act act, Duration wait, const std::string& description,
             const std::string& wait_for) {
  auto* at = job.add_subcommand(name, description);
  auto options = std::make_shared<OneJob>();
  options->wait = wait;
  at->add_option("ID", options->id, "As `leat enqueue` printed it")->required();
  add_duration(*at, "--wait", options->wait, wait_for);
  end_help_with(*at, "leat job " + name + " medium.default.01J9ZK3V8N4Q0X5T7R2M6B1C3D --wait 30s");
  at->callback([&app, options, act] {
    app.choose([options, act](App& chosen) -> Result<int> {
      const auto id = JobId::parse(options->id);
      if (!id) return id.error();
      return act(chosen, *id, std::chrono::ceil<std::chrono::milliseconds>(options->wait));
    });
  });
}

// Neither time: at once.
struct NewTime {
  std::string id;
  std::optional<SystemTime> at{};
  std::optional<Duration> delay{};
};

Result<int> reschedule(App& app, const NewTime& wanted) {
  const auto id = JobId::parse(wanted.id);
  if (!id) return id.error();
  auto broker = app.existing_broker();
  if (!broker) return broker.error();
  const SystemTime now = (*broker)->clock().now();
  const SystemTime at = wanted.at ? *wanted.at : later(now, wanted.delay.value_or(Duration{0}));
  JobControl control(**broker, app.options.name_space);
  const auto moved = wanted.at || wanted.delay ? control.reschedule(*id, at) : control.promote(*id);
  if (!moved) return moved.error();
  if (!*moved) {
    return Error(ErrorCode::kNotFound,
                 id->str() + " does not wait for a time (any more): see leat job status " + id->str());
  }
  if (app.options.json) {
    app.print_json({{"id", id->str()}, {"due", to_rfc3339(at)}});
  } else {
    app.print(id->str() + (at <= now ? " runs now" : " runs at " + to_rfc3339(at)));
  }
  return kExitOk;
}

void add_reschedule(CLI::App& job, App& app) {
  auto options = std::make_shared<NewTime>();
  auto* later = job.add_subcommand("reschedule", "Give a delayed job another time");
  later->add_option("ID", options->id, "As `leat enqueue` printed it")->required();
  auto* at = add_time(*later, "--at", options->at, "The new time");
  auto* in = add_duration(*later, "--in", options->delay, "The new time, from now");
  at->excludes(in);
  end_help_with(*later, "leat job reschedule medium.default.01J9ZK3V8N4Q0X5T7R2M6B1C3D --in 2h");
  later->callback([&app, options] {
    if (!options->at && !options->delay) throw CLI::RequiredError("--at or --in");
    app.choose([options](App& chosen) { return reschedule(chosen, *options); });
  });
  auto* now = job.add_subcommand("promote", "Run a delayed job now");
  now->add_option("ID", options->id, "As `leat enqueue` printed it")->required();
  end_help_with(*now, "leat job promote medium.default.01J9ZK3V8N4Q0X5T7R2M6B1C3D");
  now->callback([&app, options] { app.choose([options](App& chosen) { return reschedule(chosen, *options); }); });
}

}  // namespace

void add_job(CLI::App& root, App& app) {
  auto* job = root.add_subcommand("job", "Look at single jobs, cancel them, give them another time");
  job->require_subcommand(1);
  add_namespace_settings(*job, app.options.name_space);
  end_help_with(*job, "leat job status medium.default.01J9ZK3V8N4Q0X5T7R2M6B1C3D");
  add_act(*job, app, "status", status, Duration{0}, "What has become of a job: where it is, its attempts, its errors",
          "Ask the workers who has it, and wait so long for the answer");
  add_act(*job, app, "cancel", cancel, std::chrono::seconds(2),
          "Ends a job that waits or runs, on whichever machine; it leaves no dead letter",
          "How long a worker that has it may take to answer");
  add_act(*job, app, "result", result, Duration{0}, "Print the result of a job that was enqueued with --result",
          "Wait for it this long");
  add_reschedule(*job, app);
}

}  // namespace leat::cli
