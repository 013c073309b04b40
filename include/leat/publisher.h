// Publishes messages that any number of subscribers read (leat/subscriber.h).
//
//   leat::Publisher orders{*broker, {.stream = "orders"}};
//   orders.publish("created", R"({"id": 7})").value();  // stored under the subject `orders.created`
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "leat/broker.h"
#include "leat/log.h"
#include "leat/result.h"
#include "leat/retry_policy.h"

namespace leat {

// One message that was stored, or not.
struct PublishReport {
  std::string_view subject;    // with its prefix
  const Error* error;          // null when it is stored
  Duration latency;            // from the call until its answer, repetitions included
  std::uint64_t sequence = 0;  // of the stored message
};

struct PublisherOptions {
  std::string stream;            // made when missing; letters, digits, `_` and `-`
  std::string subject_prefix{};  // of everything published here; the stream's name unless given
  // Of a stream that this publisher makes, which has the subjects `{prefix}.>`. One that is there stays as it is, and
  // what differs goes to the log.
  Storage storage = Storage::kFile;
  Duration max_age{0};                               // older messages go; 100 ms or more; 0: never
  std::uint64_t max_messages = 0;                    // the oldest go beyond it; 0: no limit
  std::uint64_t max_bytes = 0;                       // the oldest go beyond it; 0: no limit
  Duration dedupe_window = std::chrono::minutes(2);  // how long a message id is remembered; more than 0
  unsigned replicas = 1;                             // 1 to 5; brokers on one machine ignore it

  // How often a message is tried again that was not stored for a passing reason: kUnavailable, and kUnknown when it has
  // a message id. In a batch those alone are tried again, so they end behind the others.
  unsigned retries = 0;
  RetryPolicy backoff{.first = std::chrono::milliseconds(100), .longest = std::chrono::seconds(5)};
  // Told of each message when its answer is final, on the thread that publishes; must be quick and must not throw.
  std::function<void(const PublishReport&)> on_publish{};
  Log* log = nullptr;  // borrowed; nothing but drift is told unless given (leat/log.h)
};

struct PublishOptions {
  Headers headers{};
  // A second message with this id within the stream's dedupe window is not stored: Appended::duplicate.
  std::string message_id{};
};

// One message of a batch.
struct Publication {
  std::string subject;  // without the prefix
  std::string payload;
  PublishOptions options{};
};

// Thread-safe. Borrows the broker, which must outlive it. The constructor does no I/O: the first publish makes the
// stream if it is missing.
class Publisher {
 public:
  explicit Publisher(Broker& broker, PublisherOptions options);
  ~Publisher();  // closes
  Publisher(Publisher&&) noexcept;
  Publisher& operator=(Publisher&&) noexcept;

  // Makes the stream now, for those who want to know early, or who subscribe before anything is published.
  // Errors: kInvalidArgument (an option), as Broker::ensure_stream().
  Result<void> open();

  // Returns when the message is stored as durably as the broker says. Waits for the answer, and for repetitions.
  // Errors: kInvalidArgument (subject, headers, too large, or the publisher is closed), kUnavailable (not stored),
  // kUnknown (the answer was lost), kFull, kDenied, kConflict (the stream's subjects belong to another one).
  Result<Appended> publish(std::string_view subject, std::string payload, PublishOptions options = {});

  // Many in one pipelined call: one result per message, in order; each stands for itself.
  std::vector<Result<Appended>> publish_batch(std::vector<Publication> messages);

  // Refuses what comes from now on, and waits for calls under way: each has its answer, or says that the publisher is
  // closed when it waited for a repetition. Any number of times.
  void close();

 private:
  class Outlet;
  std::unique_ptr<Outlet> outlet_;
};

}  // namespace leat
