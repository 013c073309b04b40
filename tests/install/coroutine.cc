#include <leat/asio.h>
#include <leat/leat.h>
#include <leat/memory_broker.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

boost::asio::awaitable<std::string> payload_of(leat::JobContext& job) {
  co_return std::string(job.payload());
}

int main() {
  const auto broker = leat::open_memory_broker();
  const auto id =
      leat::Queue(*broker).push(leat::EncodedJob{"echo", "installed", {}}, {.result = leat::KeepResult::kYes});
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  leat::Worker worker{*broker};
  leat::handle_coroutine(worker, "echo", io.get_executor(), payload_of);
  worker.start().value();
  while (worker.counts().done == 0) io.run_one_for(std::chrono::milliseconds(10));
  const auto result = leat::Results(*broker).wait(id.value(), std::chrono::seconds(30)).value();
  return result && result->value == "installed" ? 0 : 1;
}
