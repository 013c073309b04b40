#include "cli/demo_workers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "cli/demo_job.h"
#include "core/mutex.h"
#include "core/text.h"
#include "leat/runner.h"

namespace leat::cli {
namespace {

constexpr Duration kReportEvery = std::chrono::milliseconds(100);
constexpr Duration kComesUpWithin = std::chrono::seconds(30);

Outcome hash_file(const HashFile& job, const JobContext& context, const std::string& worker) {
  if (context.attempt() <= job.fail_first) return Outcome::retry("failed on purpose");
  auto facts = read_file_facts(job.path);
  if (!facts) return Outcome::retry(facts.error().message());
  facts->worker = worker;
  auto value = Codec<FileFacts>::encode(*facts);
  return value ? Outcome::done(std::move(*value)) : Outcome::dead(value.error().message());
}

}  // namespace

DemoWorkers::~DemoWorkers() {
  for (Member& member : members_) {
    if (!member.running) continue;
    kill(member.pid, SIGKILL);
    collect_child(member.pid);
  }
}

// In the environment, not among the arguments: a URL may hold a password.
std::vector<std::string> DemoWorkers::environment() const {
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("LEAT_URL=") && !text.starts_with("LEAT_NAMESPACE=")) all.emplace_back(text);
  }
  all.push_back("LEAT_URL=" + url_);
  all.push_back("LEAT_NAMESPACE=" + name_space_);
  return all;
}

Result<void> DemoWorkers::start_one() {
  auto pipe = make_pipe();
  if (!pipe) return pipe.error();
  fcntl(pipe->reading.get(), F_SETFL, O_NONBLOCK);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string name = "worker-" + std::to_string(members_.size() + 1);
  const auto pid = start_child({.arguments = {program, "demo-worker", "--name", name},
                                .environment = environment(),
                                .output = pipe->writing.get()});
  if (!pid) return pid.error();
  members_.push_back({.name = name, .pid = *pid, .reports = std::move(pipe->reading)});
  return {};
}

void DemoWorkers::kill_one() {
  const auto victim = std::find_if(members_.begin(), members_.end(), [](const Member& m) { return m.running; });
  if (victim == members_.end()) return;
  victim->killed = real_clock().now();
  kill(victim->pid, SIGKILL);
  victim->status = collect_child(victim->pid);
  victim->running = false;
}

void DemoWorkers::stop() {
  for (Member& member : members_) {
    if (!member.running) continue;
    wait_until_up(member);
    kill(member.pid, SIGTERM);
  }
  for (Member& member : members_) {
    if (!member.running) continue;
    member.status = collect_child(member.pid);
    member.running = false;
  }
  listen();
}

void DemoWorkers::wait_until_up(Member& member) {
  const SteadyTime until = real_clock().steady() + kComesUpWithin;
  for (read_reports(member); !member.has_reported && real_clock().steady() < until; read_reports(member)) {
    pollfd report{.fd = member.reports.get(), .events = POLLIN, .revents = 0};
    poll(&report, 1, 100);
    if ((report.revents & POLLIN) == 0 && (report.revents & POLLHUP) != 0) return;  // it has ended
  }
}

void DemoWorkers::listen() {
  for (Member& member : members_) {
    read_reports(member);
    if (member.running) member.running = waitpid(member.pid, &member.status, WNOHANG) != member.pid;
  }
}

void DemoWorkers::read_reports(Member& member) {
  std::array<char, 4096> bytes{};
  for (ssize_t count = 1; count > 0;) {
    count = read(member.reports.get(), bytes.data(), bytes.size());
    if (count > 0) member.unread.append(bytes.data(), static_cast<std::size_t>(count));
  }
  const auto end = member.unread.rfind('\n');
  if (end == member.unread.npos) return;
  const auto before = end == 0 ? member.unread.npos : member.unread.rfind('\n', end - 1);
  const std::size_t begin = before == member.unread.npos ? 0 : before + 1;
  const std::string_view report = std::string_view(member.unread).substr(begin, end - begin);
  const auto space = std::min(report.find(' '), report.size());
  member.has_reported = true;
  member.retried = parse_number(report.substr(0, space)).value_or(member.retried);
  member.interrupted = parse_number(report.substr(std::min(space + 1, report.size()))).value_or(member.interrupted);
  member.unread.erase(0, end + 1);
}

std::string DemoWorkers::ends() const {
  std::string text;
  for (const Member& member : members_) {
    if (!member.running) text += (text.empty() ? "" : ", ") + member.name + ": " + describe_end(member.status);
  }
  return text;
}

std::size_t DemoWorkers::running() const {
  return static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(), [](const Member& m) { return m.running; }));
}

std::uint64_t DemoWorkers::retried() const {
  return std::accumulate(members_.begin(), members_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Member& m) { return sum + m.retried; });
}

Result<int> run_demo_worker(Broker& broker, const std::string& name_space, const std::string& name, Log& log) {
  Worker worker(broker, {.queues = {kDemoHeaders, kDemoOthers},
                         .concurrency = kDemoConcurrency,
                         .retry = {.first = std::chrono::milliseconds(200), .factor = 2.0},
                         .ack_wait = std::chrono::seconds(2),
                         .name_space = {.name = name_space},
                         .name = name,
                         .log = &log});
  worker.handle<HashFile>([&](const HashFile& job, JobContext& context) { return hash_file(job, context, name); });
  const auto report = [&] {
    const WorkerCounts counts = worker.counts();
    std::printf("%llu %llu\n", static_cast<unsigned long long>(counts.retried),
                static_cast<unsigned long long>(counts.interrupted));
    std::fflush(stdout);
  };
  Runner runner({.log = &log});
  runner.closer("last report", [&](const std::stop_token&) {
    report();
    return Result<void>();
  });
  runner.process("worker", worker);
  runner.process("reporter", [&](const std::stop_token& stop) {
    while (sleep_for(real_clock(), kReportEvery, stop)) report();
    return Result<void>();
  });
  const int code = runner.run();
  if (runner.failure()) return *runner.failure();
  return code;
}

}  // namespace leat::cli
