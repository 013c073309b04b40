#include <leat/batch_consumer.h>
#include <leat/memory_broker.h>
#include <leat/publisher.h>
#include <leat/runner.h>

#include <iostream>

int main() {
  const auto broker = leat::open_memory_broker();
  leat::Publisher events{*broker, {.stream = "events"}};
  for (const char* payload : {"1", "2", "3"}) events.publish("number", payload).value();
  std::stop_source stop;
  std::size_t seen = 0;
  leat::BatchConsumer consumer{
      *broker, {.stream = "events", .name = "sum"}, [&](leat::Batch& batch) -> leat::Result<void> {
        seen += batch.size();
        if (seen == 3) stop.request_stop();
        return {};
      }};
  leat::Runner runner{{.health = "127.0.0.1:0"}};
  runner.ready_check("broker", leat::broker_answers(*broker));
  runner.process("sum", [&](std::stop_token token) { return consumer.run(token); });
  const int code = runner.run(stop.get_token());
  std::cout << seen << " messages, exit code " << code << '\n';
  return seen == 3 ? code : 1;
}
