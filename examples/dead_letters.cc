// Jobs that died of a server that was away: looked at, and run again when it is back.
#include <leat/json.h>
#include <leat/leat.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>

struct Resize {
  std::string file;
  static constexpr std::string_view kind = "resize";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Resize, file)

int main() {
  auto broker = leat::open_broker("sqlite:jobs.db").value();
  leat::Queue queue{*broker};
  const leat::PushOptions once{.result = leat::KeepResult::kYes, .max_attempts = 1};
  const leat::JobId cat = queue.push(Resize{"cat.jpg"}, once).value();
  const leat::JobId dog = queue.push(Resize{"dog.jgp"}, once).value();

  std::atomic<bool> store_is_up{false};
  leat::Worker worker{*broker, {.concurrency = 1}};
  worker.handle<Resize>([&](const Resize& resize) {
    if (!store_is_up) return leat::Outcome::retry("connection refused");
    if (!resize.file.ends_with(".jpg")) return leat::Outcome::dead("no such file: " + resize.file);
    return leat::Outcome::done(resize.file + " is small");
  });
  worker.start().value();

  leat::DeadLetters dead{*broker};
  const auto wait_for_dead = [&](std::uint64_t count) {
    while (worker.counts().dead < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  wait_for_dead(2);
  for (const leat::DeadLetter& letter : dead.list({.error = "refused"}).value())
    std::cout << letter.kind << " " << letter.payload << ": " << letter.error << std::endl;

  // All that have the same error, a hundred in a second.
  store_is_up = true;
  const auto report = dead.retry_many({.kind = "resize", .error = "refused"}, {.rate = 100}).value();
  std::cout << "retried " << report.done << ", failed " << report.failed << std::endl;
  wait_for_dead(3);

  // One with another payload.
  const leat::DeadLetter misspelt = dead.list().value().front();
  std::cout << misspelt.error << std::endl;
  dead.retry(misspelt.number, {.payload = R"({"file":"dog.jpg"})"}).value();
  while (worker.counts().done < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  worker.stop();
  leat::Results results{*broker};
  for (const leat::JobId& id : {cat, dog}) std::cout << results.get(id).value()->value << std::endl;
}
