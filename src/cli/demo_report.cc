#include "cli/demo_report.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "cli/table.h"

namespace leat::cli {
namespace {

using State = JobResult::State;

std::string ratio(std::size_t part, std::size_t whole) {
  return with_commas(part) + " of " + with_commas(whole);
}

bool has_state(const std::optional<JobResult>& result, State state) {
  return result && result->state == state;
}

DemoCheck check_results(const std::vector<PlannedJob>& plan, const DemoOutcome& outcome) {
  std::size_t there = 0;
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (plan[i].will_die) continue;
    ++wanted;
    there += has_state(outcome.results[i], State::kDone) ? 1 : 0;
  }
  return {ratio(there, wanted) + " files have their result", there == wanted};
}

DemoCheck check_facts(const std::vector<std::optional<FileFacts>>& direct, const DemoOutcome& outcome) {
  std::size_t same = 0;
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < direct.size(); ++i) {
    if (!direct[i]) continue;
    ++wanted;
    const auto& found = outcome.found[i];
    same += found && found->sha256 == direct[i]->sha256 && found->size == direct[i]->size &&
                    found->lines == direct[i]->lines
                ? 1
                : 0;
  }
  return {ratio(same, wanted) + " SHA-256 sums, sizes and line counts are those of a direct computation",
          same == wanted && wanted > 0};
}

// A job that a killed worker had begun, and not settled, has one attempt more when it was not its first delivery:
// nobody knows how far it came. Then another worker has finished it since.
bool killed_on_the_way(const JobResult& result, const std::optional<FileFacts>& found,
                       const std::vector<DemoWorkers::Member>& workers) {
  return std::any_of(workers.begin(), workers.end(), [&](const DemoWorkers::Member& member) {
    return member.killed && result.finished_at >= *member.killed && found && found->worker != member.name;
  });
}

DemoCheck check_attempts(const std::vector<PlannedJob>& plan, const DemoOutcome& outcome,
                         const std::vector<DemoWorkers::Member>& workers) {
  std::size_t failures = 0;
  std::size_t interrupted = 0;
  std::size_t lapsed = 0;     // jobs that have more
  std::uint64_t surplus = 0;  // of theirs
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (plan[i].will_die || !outcome.results[i]) continue;
    const JobResult& result = *outcome.results[i];
    const unsigned wanted = 1 + plan[i].job.fail_first;
    failures += plan[i].job.fail_first;
    if (result.attempts == wanted) continue;
    const bool explained = result.attempts == wanted + 1 && killed_on_the_way(result, outcome.found[i], workers);
    if (explained) {
      ++interrupted;
    } else if (result.attempts > wanted) {
      ++lapsed;
      surplus += result.attempts - wanted;
    } else {
      ++wrong;
    }
  }
  // On a machine that stands still for longer than a lease, workers lose theirs.
  const std::uint64_t lost =
      std::accumulate(workers.begin(), workers.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const DemoWorkers::Member& m) { return sum + m.interrupted; });
  if (surplus > lost) wrong += std::exchange(lapsed, 0);
  std::string what = with_commas(failures) + " failures on purpose were tried again, " + with_commas(wrong) +
                     " jobs have a wrong number of attempts";
  if (interrupted > 0) what += "; " + with_commas(interrupted) + " have one more because their worker was killed";
  if (lapsed > 0) what += "; " + with_commas(lapsed) + " have more because workers stood still and lost leases";
  return {std::move(what), wrong == 0};
}

DemoCheck check_dead(const std::vector<PlannedJob>& plan, const DemoOutcome& outcome) {
  std::set<std::string> wanted;
  for (const PlannedJob& planned : plan) {
    if (planned.will_die) wanted.insert(planned.id.str());
  }
  std::set<std::string> dead;
  bool right = outcome.dead.size() == wanted.size();
  for (const DeadLetter& letter : outcome.dead) {
    dead.insert(letter.id.str());
    right = right && letter.reason == "attempts" && letter.attempts == kDemoDeadAttempts;
  }
  return {ratio(dead.size(), wanted.size()) + " jobs for missing files are dead letters, after " +
              std::to_string(kDemoDeadAttempts) + " attempts each",
          right && dead == wanted};
}

DemoCheck check_empty(const DemoOutcome& outcome) {
  std::uint64_t left = 0;
  for (const QueueCounts& row : outcome.queues) left += row.pending + row.unsettled;
  return {
      with_commas(left) + " jobs are left in " + std::to_string(outcome.queues.size() / kPriorities.size()) + " queues",
      left == 0 && !outcome.queues.empty()};
}

DemoCheck check_workers(const std::vector<DemoWorkers::Member>& workers) {
  const auto killed = std::count_if(workers.begin(), workers.end(), [](const DemoWorkers::Member& m) {
    return WIFSIGNALED(m.status) && WTERMSIG(m.status) == SIGKILL;
  });
  const auto ended = std::count_if(workers.begin(), workers.end(), [](const DemoWorkers::Member& m) {
    return WIFEXITED(m.status) && WEXITSTATUS(m.status) == 0;
  });
  return {"one worker was killed with -9 and replaced; " + ratio(static_cast<std::size_t>(ended), workers.size() - 1) +
              " others ended well",
          killed == 1 && ended + 1 == static_cast<std::ptrdiff_t>(workers.size())};
}

}  // namespace

Result<DemoOutcome> read_outcome(Broker& broker, const std::string& name_space, const std::vector<PlannedJob>& plan) {
  DemoOutcome outcome;
  const NamespaceOptions space{.name = name_space};
  Results results(broker, space);
  for (const PlannedJob& planned : plan) {
    auto result = results.get(planned.id);
    if (!result) return result.error();
    outcome.found.emplace_back();
    if (has_state(*result, State::kDone)) {
      if (auto facts = Codec<FileFacts>::decode((*result)->value)) outcome.found.back() = std::move(*facts);
    }
    outcome.results.push_back(std::move(*result));
  }
  auto dead = DeadLetters(broker, space).list();
  if (!dead) return dead.error();
  outcome.dead = std::move(*dead);
  auto queues = Inspector(broker, space).queues();
  if (!queues) return queues.error();
  outcome.queues = std::move(*queues);
  return outcome;
}

std::vector<DemoCheck> check_demo(const std::vector<PlannedJob>& plan,
                                  const std::vector<std::optional<FileFacts>>& direct, const DemoOutcome& outcome,
                                  const std::vector<DemoWorkers::Member>& workers) {
  return {check_results(plan, outcome), check_facts(direct, outcome), check_attempts(plan, outcome, workers),
          check_dead(plan, outcome),    check_empty(outcome),         check_workers(workers)};
}

std::string queue_table(const std::vector<PlannedJob>& plan, const DemoOutcome& outcome) {
  using enum Column::Align;
  Table table({{"QUEUE"}, {"PRIORITY"}, {"JOBS", kRight}, {"DONE", kRight}, {"RETRIES", kRight}, {"DEAD", kRight}});
  for (const std::string queue : {kDemoHeaders, kDemoOthers}) {
    for (const Priority priority : kPriorities) {
      std::size_t jobs = 0;
      std::size_t done = 0;
      std::size_t retries = 0;
      std::size_t dead = 0;
      for (std::size_t i = 0; i < plan.size(); ++i) {
        if (plan[i].queue != queue || plan[i].priority != priority) continue;
        ++jobs;
        done += has_state(outcome.results[i], State::kDone) ? 1 : 0;
        dead += has_state(outcome.results[i], State::kDead) ? 1 : 0;
        if (outcome.results[i]) retries += std::max(outcome.results[i]->attempts, 1U) - 1;
      }
      table.add_row({queue, std::string(to_string(priority)), with_commas(jobs), with_commas(done),
                     with_commas(retries), with_commas(dead)});
    }
  }
  return table.str();
}

std::string worker_table(const DemoOutcome& outcome, const std::vector<DemoWorkers::Member>& workers) {
  Table table({{"WORKER"}, {"PROCESS", Column::Align::kRight}, {"DONE", Column::Align::kRight}, {"END"}});
  for (const DemoWorkers::Member& member : workers) {
    const auto done = std::count_if(outcome.found.begin(), outcome.found.end(),
                                    [&](const auto& facts) { return facts && facts->worker == member.name; });
    table.add_row({member.name, std::to_string(member.pid), with_commas(static_cast<std::uint64_t>(done)),
                   describe_end(member.status)});
  }
  return table.str();
}

}  // namespace leat::cli
