#include "tests/pipeline_clickhouse/pipeline_processes.h"

#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "pipeline/clickhouse/backoff.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"
#include "tests/support/broker_fixture.h"

namespace leat::test {
namespace {

std::atomic<bool> terminated{false};

void write_line(const std::string& text) {
  const std::string line = text + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(2);
}

// A server may be away while this begins.
template <class Open>
auto patiently(Open open) {
  while (true) {
    try {
      return open();
    } catch (const Error& error) {
      if (terminated || !is_passing(error)) throw;
    }
    constexpr Duration kPause = 50ms;
    sleep_for(real_clock(), kPause, {});
  }
}

void watch(RunningPipeline& running) {
  bool owner = false;
  while (!terminated && !running.ended()) {
    if (running->is_owner() != owner) {
      owner = !owner;
      write_line(owner ? "owner" : "stands by");
    }
    constexpr Duration kPoll = 10ms;
    sleep_for(real_clock(), kPoll, {});
  }
}

}  // namespace

std::unique_ptr<ChildProcess> start_pipeline(const std::string& broker, const std::string& engine,
                                             const std::string& table) {
  auto child =
      std::make_unique<ChildProcess>(std::vector<std::string>{own_program(), "--child", broker, engine, table});
  if (child->read_line(30s) != "ready") throw std::runtime_error("the pipeline process did not start");
  return child;
}

int run_pipeline_child(const std::vector<std::string>& arguments) {
  struct sigaction action {};
  action.sa_handler = [](int) { terminated = true; };
  sigaction(SIGTERM, &action, nullptr);
  write_line("ready");
  try {
    const auto log = make_stderr_log(LogLevel::kError);
    const auto broker = patiently([&] { return open_address(arguments.at(0)); });
    const auto engine = patiently([&] { return open_clickhouse(arguments.at(1)).value(); });
    const RowMapping mapping = patiently([&] { return numbers_mapping(*engine, arguments.at(2)); });
    auto options = quick("numbers", log.get());
    options.max_rows = 500;
    options.longest_pause = 200ms;
    RunningPipeline running(*broker, *engine, mapping, options);
    watch(running);
    const auto ended = running.stop();
    if (!ended) {
      std::cerr << "pipeline process: " << ended.error().message() << '\n';
      return 1;
    }
  } catch (const std::exception& error) {
    if (terminated) return 0;
    std::cerr << "pipeline process: " << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace leat::test
