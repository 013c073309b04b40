#include "tests/jobs/scheduler_processes.h"

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/text.h"
#include "jobs/job_streams.h"

namespace leat::test {
namespace {

constexpr std::string_view kName = "scheduler-";

}  // namespace

int run_scheduler(const std::string& address, const std::string& name) {
  const auto broker = open_address(address);
  const auto log = make_stderr_log(LogLevel::kError);
  Worker worker(*broker, {.queues = {}, .concurrency = 1, .name = name, .log = log.get()});
  std::puts("ready");
  std::fflush(stdout);
  return run(worker);
}

SchedulerProcesses::SchedulerProcesses(std::string address, Broker& broker)
    : address_(std::move(address)), leader_records_(open_leader(broker, Names({.name = "leat"})).value()) {}

std::size_t SchedulerProcesses::start() {
  const std::string name = std::string(kName) + std::to_string(processes_.size());
  auto child = std::make_unique<ChildProcess>(std::vector<std::string>{own_program(), "scheduler", address_, name});
  if (child->read_line(20s) != "ready") throw std::runtime_error("the scheduler process did not start");
  processes_.push_back({.child = std::move(child)});
  return processes_.size() - 1;
}

int SchedulerProcesses::end(std::size_t number, int signal) {
  if (signal != SIGKILL) thaw(number);  // one that stands still hears of nothing else
  Process& process = processes_.at(number);
  process.frozen = false;
  process.child->send_signal(signal);
  const int status = process.child->wait();
  process.child.reset();
  return status;
}

void SchedulerProcesses::freeze(std::size_t number) {
  processes_.at(number).child->send_signal(SIGSTOP);
  processes_.at(number).frozen = true;
}

void SchedulerProcesses::thaw(std::size_t number) {
  Process& process = processes_.at(number);
  if (std::exchange(process.frozen, false)) process.child->send_signal(SIGCONT);
}

void SchedulerProcesses::thaw_all() {
  for (const std::size_t number : alive()) thaw(number);
}

std::vector<std::size_t> SchedulerProcesses::alive() const {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (processes_[i].child != nullptr) numbers.push_back(i);
  }
  return numbers;
}

std::optional<std::size_t> SchedulerProcesses::leader() {
  const auto entry = leader_records_->get("scheduler");
  if (!entry || !*entry) return std::nullopt;
  const auto record = nlohmann::json::parse((*entry)->value, nullptr, false);
  const std::string holder = record.is_object() ? record.value("holder", "") : "";
  if (!holder.starts_with(kName)) return std::nullopt;
  return parse_number(holder.substr(kName.size()));
}

std::optional<std::size_t> SchedulerProcesses::wait_for_leader(std::optional<std::size_t> other_than,
                                                               Duration patience) {
  const SteadyTime until = deadline_after(real_clock(), patience);
  while (real_clock().steady() < until) {
    const auto found = leader();
    if (found && found != other_than && processes_.at(*found).child != nullptr) return found;
    leat::sleep_for(real_clock(), 5ms, {});
  }
  return std::nullopt;
}

}  // namespace leat::test
