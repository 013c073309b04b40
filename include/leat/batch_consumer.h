// Hands the messages of a stream to a function in batches, and settles each message as the function says.
//
//   leat::BatchConsumer consumer{*broker, {.stream = "events", .name = "report"}, [](leat::Batch& batch) ->
//   leat::Result<void> {
//     for (const leat::StoredMessage& message : batch) add(message.payload);
//     return commit();  // an error: the same batch comes again
//   }};
//   consumer.run(stop).value();
//
// Delivery is at least once. Consumers with the same name, in one program or in many, share the stream's messages.
// While a batch is processed the next one is collected and the one before is settled (docs/guide/batches.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "leat/broker.h"
#include "leat/log.h"
#include "leat/result.h"
#include "leat/retry_policy.h"
#include "leat/subscriber.h"

namespace leat {

struct BatchConsumerOptions {
  std::string stream;        // must be there: Broker::ensure_stream()
  std::string name;          // of the durable subscription; letters, digits, `_` and `-`
  std::string filter = ">";  // what is received; `*` stands for one token, a last `>` for one or more
  StartAt start = StartAt::all();

  // A batch is full with so many messages or so many bytes of subjects, headers and payloads, or when it has waited so
  // long since its first message came; whichever is first. A message larger than max_bytes is a batch of its own.
  std::size_t max_count = 1000;             // 1 to 10'000
  std::size_t max_bytes = 8 * 1024 * 1024;  // 1 or more. The consumer holds three batches and a half
  std::chrono::milliseconds max_wait = std::chrono::seconds(1);  // 0 or more: 0 hands on what is there

  // How long a lease lasts, when the subscription is made; 10 ms or more. Leases are renewed while messages wait here
  // or are processed, however long that takes.
  Duration ack_wait = std::chrono::seconds(30);
  // The wait before a batch whose processing failed is processed again; and before a message comes again for which
  // retry() names no time.
  RetryPolicy backoff = RetryPolicy::exponential(std::chrono::seconds(1), 2.0, std::chrono::minutes(1));

  // The stream of dead letters, made when it is missing (`{dead_stream}.>`, kept 30 days). Without one a dead message
  // is gone, but for a line in the log.
  std::string dead_stream{};
  unsigned replicas = 1;  // of that stream, when it is made; 1 to 5

  // Told of what goes wrong and heals by itself; on a thread of the consumer; must not throw.
  std::function<void(const Error&)> on_trouble{};
  Log* log = nullptr;  // borrowed; nothing but drift is told unless given (leat/log.h)
};

struct BatchCounts {
  std::uint64_t batches = 0;   // processed with an ok
  std::uint64_t failures = 0;  // processings that returned an error or threw
  std::uint64_t done = 0;      // messages, as settled
  std::uint64_t retried = 0;   // given back, for whatever reason
  std::uint64_t dead = 0;
  std::uint64_t lost = 0;  // not settled: the lease was gone, and somebody else has or gets the message
};

class CollectedBatch;

// Some messages in the order in which they came, in the hands of the processor while it runs. Not thread-safe.
class Batch {
 public:
  std::size_t size() const { return messages_.size(); }
  const StoredMessage& operator[](std::size_t index) const { return messages_[index]; }
  auto begin() const { return messages_.begin(); }
  auto end() const { return messages_.end(); }
  std::size_t bytes() const;
  // How often this batch has been processed, this time included: more than 1 after an error.
  unsigned attempt() const;
  // How often the broker has delivered the message; more than 1 also when an earlier consumer died or stopped.
  std::uint32_t deliveries(std::size_t index) const;
  // Fires when the consumer is to stop. A processor that takes long may return an error then: all is given back.
  const std::stop_token& stop_token() const;

  // What becomes of a message when the processor returns ok; the last call counts, and without one it is done. An index
  // that is not there throws std::out_of_range.
  void done(std::size_t index);
  void retry(std::size_t index, std::optional<Duration> after = std::nullopt);
  // Kept as a dead letter, with the reason.
  void dead(std::size_t index, std::string reason);

 private:
  friend class BatchProcessing;
  explicit Batch(CollectedBatch& held);

  CollectedBatch* held_;
  std::span<const StoredMessage> messages_;
};

// Borrows the broker, which must outlive it. The constructor does no I/O.
class BatchConsumer {
 public:
  // Ok: each message is settled as the batch was told. An error or an exception: none is, and the batch is processed
  // again after a pause, without those whose leases were lost meanwhile.
  using Processor = std::function<Result<void>(Batch&)>;

  BatchConsumer(Broker& broker, BatchConsumerOptions options, Processor processor);
  ~BatchConsumer();
  BatchConsumer(const BatchConsumer&) = delete;
  BatchConsumer& operator=(const BatchConsumer&) = delete;

  // Makes the subscription if it is missing, and processes batches on the calling thread until `stop` is requested;
  // then the batch in hand is finished and settled, everything else is given back at once, and it returns ok. May be
  // called again, one call at a time. Errors: kInvalidArgument (options), as Broker::open_consumer(); kNotFound (the
  // subscription or the stream was deleted), kDenied, kInternal: no message comes any more, and the batch in hand has
  // been finished. A lost connection is no error.
  Result<void> run(std::stop_token stop);

  // From any thread.
  BatchCounts counts() const;

 private:
  class Crew;
  std::unique_ptr<Crew> crew_;
};

}  // namespace leat
