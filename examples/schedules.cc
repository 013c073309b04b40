// A job that waits for its time, and one that recurs.
#include <leat/json.h>
#include <leat/leat.h>

#include <atomic>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

struct Reminder {
  std::string text;
  static constexpr std::string_view kind = "reminder";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reminder, text)

int main() {
  auto broker = leat::open_broker("sqlite:schedules.db").value();
  leat::Queue queue{*broker};
  queue.push(Reminder{"the tea is ready"}, {.delay = 1s}).value();
  const leat::JobId holiday = queue.push(Reminder{"holiday"}, {.delay = 24h}).value();

  leat::Schedules schedules{*broker};
  const leat::Schedule every_second{.name = "pulse", .cron = "* * * * * *", .zone = "Europe/Berlin", .repeat = 2};
  std::cout << "pulse is " << to_string(schedules.put(every_second, Reminder{"still here"}).value()) << std::endl;
  std::cout << "pulse is " << to_string(schedules.put(every_second, Reminder{"still here"}).value()) << std::endl;

  leat::Worker worker{*broker, {.concurrency = 1}};
  std::atomic<int> pulses{0};
  worker.handle<Reminder>([&](const Reminder& reminder, leat::JobContext& job) {
    if (!job.schedule().empty() && ++pulses <= 2) return;
    const bool on_time = leat::real_clock().now() >= job.scheduled_at().value();
    std::cout << reminder.text << (on_time ? "" : ", too early") << std::endl;
  });
  worker.start().value();
  while (worker.counts().done < 3) std::this_thread::sleep_for(1ms);
  std::cout << pulses << " pulses, and the schedule is "
            << (schedules.get("pulse")->finished ? "finished" : "not finished") << std::endl;

  leat::JobControl control{*broker};
  std::cout << "the holiday is " << (control.promote(holiday).value() ? "now" : "over") << std::endl;
  while (worker.counts().done < 4) std::this_thread::sleep_for(1ms);
  worker.stop();
}
