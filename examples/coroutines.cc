// A thousand jobs that wait at once, as coroutines on one thread, and one that is cancelled by its time limit.
#include <leat/asio.h>
#include <leat/json.h>
#include <leat/leat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct Reminder {
  int number = 0;
  int seconds = 0;
  static constexpr std::string_view kind = "reminder";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reminder, number, seconds)

// Runs on the one thread below; in its waits others do.
asio::awaitable<std::string> remind(const Reminder& reminder, leat::JobContext& context) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(reminder.seconds));
  try {
    co_await timer.async_wait(asio::use_awaitable);
  } catch (const boost::system::system_error&) {
    if (context.stop_reason() != leat::StopReason::kTimeout) throw;  // a shutdown: it is given back
    co_return "reminder " + std::to_string(reminder.number) + " was too long";
  }
  co_return "reminder " + std::to_string(reminder.number);
}

int main() {
  auto broker = leat::open_broker("memory:").value();
  leat::Queue queue{*broker};
  const leat::PushOptions keep{.result = leat::KeepResult::kYes};
  std::vector<leat::JobId> ids;
  for (auto& pushed : queue.push_many(std::vector<Reminder>(999, Reminder{1, 1}), keep)) ids.push_back(pushed.value());
  ids.push_back(queue.push(Reminder{1000, 3600}, keep).value());

  asio::io_context io;
  auto work = asio::make_work_guard(io);  // run() goes on when there is nothing to do
  std::jthread io_thread([&io] { io.run(); });

  leat::Worker worker{*broker, {.concurrency = 1, .async_jobs = 1000}};
  leat::handle_coroutine<Reminder>(worker, io.get_executor(), remind, {.timeout = 5s});
  worker.start().value();

  leat::Results results{*broker};
  int done = 0;
  std::string last;
  for (const leat::JobId& id : ids) {
    last = results.wait(id, 20s).value()->value;
    if (last == "reminder 1") ++done;
  }
  std::cout << done << " done\n" << last << std::endl;
  worker.stop();  // before the thread that its coroutines need
  io.stop();
}
