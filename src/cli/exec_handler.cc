#include "cli/exec_handler.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "cli/child_process.h"
#include "core/text.h"

namespace leat::cli {
namespace {

constexpr std::string_view kHeaderPrefix = "LEAT_HEADER_";

std::string variable_name(std::string_view header) {
  std::string name(kHeaderPrefix);
  for (const char c : header) {
    if (c >= 'a' && c <= 'z') {
      name += static_cast<char>(c - 'a' + 'A');
    } else {
      name += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    }
  }
  return name;
}

// Set for this job alone: a value from outside would pass for one of the job.
bool belongs_to_job(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  for (const std::string_view own : {"LEAT_JOB_ID", "LEAT_KIND", "LEAT_QUEUE", "LEAT_PRIORITY", "LEAT_ATTEMPT",
                                     "LEAT_MAX_ATTEMPTS", "LEAT_ENQUEUED_AT"}) {
    if (name == own) return true;
  }
  return name.starts_with(kHeaderPrefix);
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

Outcome outcome_of(ShellEnd end) {
  const bool exited = WIFEXITED(end.status);
  if (exited && WEXITSTATUS(end.status) == 0) return Outcome::done(std::move(end.output));
  std::string error = describe_end(end.status);
  if (const auto told = trimmed(end.error); !told.empty()) error.append(": ").append(told);
  if (exited && WEXITSTATUS(end.status) == kExitDead) return Outcome::dead(std::move(error));
  return Outcome::retry(std::move(error));
}

}  // namespace

std::vector<std::string> job_environment(const JobContext& job) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!belongs_to_job(*variable)) all.emplace_back(*variable);
  }
  const auto add = [&](std::string name, std::string_view value) { all.push_back(name.append("=").append(value)); };
  add("LEAT_JOB_ID", job.id().str());
  add("LEAT_KIND", job.kind());
  add("LEAT_QUEUE", job.id().queue());
  add("LEAT_PRIORITY", to_string(job.id().priority()));
  add("LEAT_ATTEMPT", std::to_string(job.attempt()));
  add("LEAT_MAX_ATTEMPTS", std::to_string(job.max_attempts()));
  add("LEAT_ENQUEUED_AT", to_rfc3339(job.enqueued_at()));
  for (const auto& [name, value] : job.headers()) {
    if (!name.starts_with("Leat-") && !name.starts_with("Nats-")) add(variable_name(name), value);
  }
  return all;
}

Handler make_exec_handler(std::string command, ShellLimits limits, GroupGuard* guard) {
  return [command = std::move(command), limits, guard](JobContext& job) {
    auto end = run_shell({command, job_environment(job), job.payload(), guard}, limits, job.stop_token());
    return end ? outcome_of(std::move(*end)) : Outcome::retry(end.error().message());
  };
}

}  // namespace leat::cli
