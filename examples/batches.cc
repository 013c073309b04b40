// Messages in batches: each message gets its verdict, and a failure brings the same batch again.
#include <leat/leat.h>

#include <iostream>
#include <utility>

using namespace std::chrono_literals;

int main() {
  auto broker = leat::open_broker("sqlite:batches.db").value();
  leat::Publisher readings{*broker, {.stream = "readings"}};
  for (const char* value : {"20", "21", "broken", "22"}) readings.publish("kitchen", value).value();

  bool away = true;  // the database, at first
  std::stop_source stop;
  leat::BatchConsumer consumer{*broker,
                               {.stream = "readings",
                                .name = "report",
                                .max_count = 4,          // or
                                .max_bytes = 1'000'000,  // or
                                .max_wait = 1s,
                                .backoff = leat::RetryPolicy::fixed(10ms),
                                .dead_stream = "dead"},
                               [&](leat::Batch& batch) -> leat::Result<void> {
                                 if (std::exchange(away, false))
                                   return leat::Error(leat::ErrorCode::kUnavailable, "the database is away");
                                 int sum = 0;
                                 for (std::size_t i = 0; i < batch.size(); ++i) {
                                   if (batch[i].payload == "broken") {
                                     batch.dead(i, "no number");  // the others are not held up
                                   } else {
                                     sum += std::stoi(batch[i].payload);
                                   }
                                 }
                                 std::cout << batch.size() << " messages, attempt " << batch.attempt() << ", sum "
                                           << sum << std::endl;
                                 stop.request_stop();
                                 return {};
                               }};
  consumer.run(stop.get_token()).value();

  const leat::BatchCounts counts = consumer.counts();
  std::cout << "done " << counts.done << ", dead " << counts.dead << std::endl;
  const auto letter = broker->admin().read("dead", 1).value();
  std::cout << "kept: " << letter->payload << ", " << *letter->headers.get("Leat-Dead-Reason") << std::endl;
}
