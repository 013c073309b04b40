#include "bench/pubsub.h"

#include <algorithm>
#include <atomic>

#include "bench/exactness.h"
#include "bench/measure.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "leat/publisher.h"
#include "leat/subscriber.h"

namespace leat {
namespace {

constexpr Duration kLongest = std::chrono::minutes(2);
constexpr std::size_t kBuffer = 1000;  // the raw client has two pulls of 500 open

Publication make_message(std::size_t number, std::size_t bytes) {
  std::string payload = std::to_string(number) + " ";
  payload.resize(std::max(payload.size(), bytes), 'x');
  return {.subject = "event", .payload = std::move(payload)};
}

double publish(const BenchOptions& options, Publisher& publisher, std::size_t messages) {
  std::vector<std::vector<Publication>> batches;
  for (std::size_t i = 0; i < messages; ++i) {
    if (i % options.batch == 0) batches.emplace_back();
    batches.back().push_back(make_message(i, options.payload));
  }
  const SteadyTime begin = real_clock().steady();
  for (auto& batch : batches) {
    for (const auto& published : publisher.publish_batch(std::move(batch))) (void)published.value();
  }
  return seconds_since(begin);
}

// Until the last acknowledgement is settled.
double receive(const BenchOptions& options, Subscriber& subscriber, std::size_t messages, bool& exact) {
  Exactness seen(messages);
  std::atomic<std::size_t> count{0};
  const SteadyTime begin = real_clock().steady();
  const Thread watchdog = start_thread("watchdog", [&](const std::stop_token& stop) {
    if (sleep_for(real_clock(), kLongest, stop)) subscriber.request_stop();
  });
  subscriber
      .run(
          [&](ReceivedMessage message) {
            seen.mark(message.payload());
            message.ack();
            if (++count == messages) subscriber.request_stop();
          },
          {}, {.concurrency = options.concurrency})
      .value();
  exact = exact && seen.is_exact();
  return seconds_since(begin);
}

// A server counts acknowledgements a moment after it has read them.
bool nothing_is_left(Broker& broker, const std::string& stream) {
  constexpr Duration kPatience = std::chrono::seconds(10);
  const SteadyTime until = deadline_after(real_clock(), kPatience);
  do {
    const auto all = broker.admin().consumers(stream).value();
    const auto is_through = [](const ConsumerFacts& one) { return one.pending == 0 && one.unsettled == 0; };
    if (std::all_of(all.begin(), all.end(), is_through)) return true;
  } while (real_clock().steady() < until && sleep_for(real_clock(), std::chrono::milliseconds(10), {}));
  return false;
}

}  // namespace

double publish_and_receive(const BenchOptions& options, Broker& broker, const std::string& stream, std::size_t messages,
                           bool& exact) {
  Publisher publisher(broker, {.stream = stream});
  publisher.open().value();
  const SubscriberOptions subscription{.stream = stream, .name = "bench", .buffer = kBuffer};
  Subscriber(broker, subscription).start().value();  // the raw client subscribes before its clock starts, too
  double seconds = publish(options, publisher, messages);
  Subscriber subscriber(broker, subscription);
  seconds += receive(options, subscriber, messages, exact);
  exact = exact && nothing_is_left(broker, stream);
  static_cast<void>(broker.admin().delete_stream(stream).has_value());
  return static_cast<double>(messages) / seconds;
}

}  // namespace leat
