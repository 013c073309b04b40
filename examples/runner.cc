// A program of several parts: a worker, and a process that gives it jobs. They start and end together.
#include <leat/json.h>
#include <leat/leat.h>

#include <condition_variable>
#include <iostream>
#include <mutex>

using namespace std::chrono_literals;

struct Measure {
  int sensor;
  static constexpr std::string_view kind = "measure";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Measure, sensor)

// Pushes a job each 10 ms, until it is told to stop.
leat::Result<void> poll(leat::Queue& queue, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  for (int sensor = 1; !stop.stop_requested(); ++sensor) {
    if (auto pushed = queue.push(Measure{sensor}); !pushed) return pushed.error();
    stopped.wait_for(lock, stop, 10ms, [] { return false; });
  }
  return {};
}

int main() {
  const auto log = leat::make_stderr_log();
  auto broker = leat::open_broker("sqlite:runner.db").value();
  leat::Queue queue{*broker};
  leat::Worker worker{*broker, {.concurrency = 1}};
  worker.handle<Measure>([](const Measure& job) {
    if (job.sensor <= 3) std::cout << "sensor " << job.sensor << std::endl;
  });

  leat::Runner runner{{.health = "127.0.0.1:0", .log = log.get()}};  // a port of yours instead of 0
  runner.ready_check("broker", leat::broker_answers(*broker));
  runner.closer("goodbye", [](std::stop_token) -> leat::Result<void> {
    std::clog << "closed\n";
    return {};
  });
  runner.process("worker", worker);  // has started before the next one begins
  runner.process("poller", [&](std::stop_token stop) { return poll(queue, stop); });
  return runner.run();  // until SIGINT or SIGTERM
}
