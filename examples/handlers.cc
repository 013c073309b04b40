// A unique job, an asynchronous handler that finishes on another thread, and an attempt that takes too long.
#include <leat/json.h>
#include <leat/leat.h>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

struct Invoice {
  int number = 0;
  static constexpr std::string_view kind = "invoice";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Invoice, number)

struct Report {
  std::string name;
  static constexpr std::string_view kind = "report";
  // What counts for every report that is pushed without options.
  static leat::PushOptions push_options() { return {.result = leat::KeepResult::kYes, .max_attempts = 2}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Report, name)

int main() {
  auto broker = leat::open_broker("sqlite:handlers.db").value();
  leat::Queue queue{*broker};

  const leat::PushOptions once{.result = leat::KeepResult::kYes, .unique = leat::Unique{"invoice-17"}};
  const leat::JobId invoice = queue.push(Invoice{17}, once).value();
  const auto second = queue.push(Invoice{17}, once);
  std::cout << "a second invoice 17: " << leat::to_string(second.error().code()) << std::endl;
  const leat::JobId report = queue.push(Report{"2026"}).value();

  leat::Worker worker{*broker, {.concurrency = 1, .retry = leat::RetryPolicy::fixed(10ms)}};
  std::jthread elsewhere;
  worker.handle_async<Invoice>([&](Invoice job, leat::Completion done) {
    elsewhere = std::jthread([number = job.number, done = std::move(done)]() mutable {
      done.finish(leat::Outcome::done("printed " + std::to_string(number)));
    });
  });
  worker.handle<Report>(
      [](const Report& job, leat::JobContext& context) {
        if (context.attempt() == 2) return leat::Outcome::done("report " + job.name + ", attempt 2");
        while (!context.stop_token().stop_requested()) std::this_thread::sleep_for(1ms);
        return leat::Outcome::retry("too slow");
      },
      {.timeout = 50ms});
  worker.start().value();

  leat::Results results{*broker};
  for (const leat::JobId& id : {invoice, report}) {
    std::cout << results.wait(id, 20s).value()->value << std::endl;
  }
  worker.stop();
}
