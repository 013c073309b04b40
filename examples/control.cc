// Jobs and queues seen and controlled from outside: a queue held, a job cancelled while it waits and another while it
// runs, what workers do, and the story of each job.
#include <leat/json.h>
#include <leat/leat.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using State = leat::JobStatus::State;
using Was = leat::CancelResult::Was;

struct Render {
  std::string film;
  static constexpr std::string_view kind = "render";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Render, film)

int main() {
  auto broker = leat::open_broker("sqlite:films.db").value();
  leat::Events events{*broker};
  events.enable().value();

  // While a queue is paused jobs are taken in and none begins.
  leat::QueueControl control{*broker};
  control.pause("films").value();
  leat::Queue queue{*broker, {.name = "films"}};
  const leat::JobId first = queue.push(Render{"first"}).value();
  const leat::JobId second = queue.push(Render{"second"}).value();

  leat::Inspector inspector{*broker};
  for (const leat::QueueCounts& counts : inspector.queues().value()) {
    if (counts.pending > 0)
      std::cout << counts.queue << ": " << counts.pending << " pending" << (counts.paused ? ", paused" : "")
                << std::endl;
  }

  leat::JobControl jobs{*broker};
  if (jobs.cancel(second).value().was == Was::kPending) std::cout << "second never began" << std::endl;

  std::atomic<bool> halfway{false};
  leat::Worker worker{*broker, {.queues = {"films"}, .concurrency = 1, .name = "studio"}};
  worker.handle<Render>([&](const Render&, leat::JobContext& job) {
    job.progress(0.5, "frame 500 of 1000");
    halfway = true;
    while (!job.stop_token().stop_requested()) std::this_thread::sleep_for(1ms);
    return leat::Outcome::cancelled("the film is off");
  });
  worker.start().value();
  control.resume("films").value();
  while (!halfway) std::this_thread::sleep_for(1ms);

  // Asks the workers who has it.
  const leat::JobStatus status = inspector.job(first, {.ask = 2s}).value();
  if (status.state == State::kRunning) std::cout << "first runs on " << status.worker << std::endl;
  if (jobs.cancel(first).value().was == Was::kRunning) std::cout << "first was told to stop" << std::endl;
  while (worker.counts().running > 0) std::this_thread::sleep_for(1ms);
  worker.stop();

  // Events are told without waiting: the last one may come a moment later.
  auto reader = events.read({.job = first}).value();
  for (bool over = false; !over;) {
    for (const leat::JobEvent& event : reader.next(1s, {}).value()) {
      std::cout << "first: " << leat::to_string(event.what) << std::endl;
      over = over || event.what == leat::JobEvent::What::kCancelled;
    }
  }
}
