// The narrow waist: everything in leat stands on a Broker, and nothing above it knows which one.
//
// A broker keeps streams of messages and buckets of records. Jobs, publish/subscribe and pipelines are written once on
// these interfaces; memory, SQLite and JetStream implement them, and one conformance suite proves that they do.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/broker_admin.h"
#include "leat/clock.h"
#include "leat/consumer.h"
#include "leat/key_value.h"
#include "leat/message.h"
#include "leat/reader.h"
#include "leat/result.h"
#include "leat/settings.h"

namespace leat {

enum class Retention {
  kLimits,     // messages stay until a limit removes them
  kWorkQueue,  // a message goes when it is settled as done or dead; consumers' filters must not overlap
};

struct StreamConfig {
  std::string name;                   // letters, digits, `_` and `-`
  std::vector<std::string> subjects;  // filters; no two streams of a broker may share a subject
  Retention retention = Retention::kLimits;
  Storage storage = Storage::kFile;
  Duration max_age{0};                               // older messages go; 100 ms or more; 0: never
  std::uint64_t max_messages = 0;                    // the oldest go beyond it; 0: no limit
  std::uint64_t max_bytes = 0;                       // the oldest go beyond it; 0: no limit
  std::uint64_t max_messages_per_subject = 0;        // the oldest of a subject go beyond it; 0: no limit
  Duration dedupe_window = std::chrono::minutes(2);  // how long a message id is remembered; more than 0
  unsigned replicas = 1;                             // 1 to 5; brokers on one machine ignore it
};

struct EnsureResult {
  bool created = false;
  std::vector<Drift> drift{};
};

struct ConsumerConfig {
  std::string stream;
  std::string name;  // durable; letters, digits, `_` and `-`
  std::string filter = ">";
  Duration ack_wait = std::chrono::seconds(30);  // how long a lease lasts; 10 ms or more
  std::uint32_t max_unsettled = 65'536;          // deliveries and waiting retries, over everybody on this subscription
  // Where a new subscription begins (an existing one goes on where it was). Work queues: always the beginning.
  enum class Start { kBeginning, kEnd } start = Start::kBeginning;
  std::uint64_t start_sequence = 0;        // more than 0: begin there instead
  std::optional<SystemTime> start_time{};  // begin at the first message stored at or after it instead
};

struct AppendRequest {
  Message message;
  // More than empty: a second message with this id within the stream's dedupe window is not stored.
  std::string message_id{};
  // The sequence of the newest message under this subject, 0 for "no message is there". Else nothing is stored:
  // kConflict.
  std::optional<std::uint64_t> expected_last{};
};

struct Appended {
  std::uint64_t sequence = 0;  // of the stored message; of the first one when it is a duplicate
  bool duplicate = false;      // the message id was there already: nothing was stored
};

struct Capabilities {
  std::string name;                   // "memory", "sqlite", "jetstream"
  std::string version;                // of what stands behind it: "3.40.1", "2.15.1"
  std::string durability;             // what an ok means: "none", "fsync", "server, fsync every 2 min", ...
  bool fenced_settle = false;         // settling a lost lease is refused; without, a late settle still acts
  bool answers_get_lost = false;      // an append can end as kUnknown: give it a message id and repeat it
  std::size_t max_message_bytes = 0;  // headers and payload together
};

// Thread-safe. Must outlive everything that was opened from it.
class Broker {
 public:
  virtual ~Broker() = default;

  // Creates the stream when it is missing. An existing one is left as it is, and what differs is reported.
  // Errors: kInvalidArgument, kConflict (its subjects belong to another stream), kUnavailable, kDenied.
  virtual Result<EnsureResult> ensure_stream(const StreamConfig& config) = 0;

  // Stores messages in order, pipelined; ok means stored as durably as Capabilities::durability says. One result per
  // message, in order. Messages succeed and fail one by one. Waits for all answers. An answer that does not come is
  // asked for again by repeating the append, with the same message id and expectation; a message that carries neither
  // is not repeated. Errors: kConflict (expectation), kInvalidArgument (subject, header, too large; the message says
  // which and the limit), kNotFound (no such stream), kUnavailable (not stored), kUnknown (the answer was lost), kFull,
  // kDenied.
  virtual std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests) = 0;

  // Creates the durable subscription when it is missing, and opens it. Several openers share its messages. An existing
  // one is left as it is; Consumer::drift() says what differs.
  // Errors: kInvalidArgument, kNotFound (stream), kConflict (work queue: another subscription's filter overlaps; or it
  // exists with another filter), kUnavailable, kDenied.
  virtual Result<std::unique_ptr<Consumer>> open_consumer(const ConsumerConfig& config) = 0;

  // Errors: kNotFound (stream), kInvalidArgument, kUnavailable.
  virtual Result<std::unique_ptr<Reader>> open_reader(const ReaderConfig& config) = 0;

  // Creates the bucket when it is missing, and opens it. An existing one is left as it is; KeyValue::drift() says what
  // differs.
  virtual Result<std::unique_ptr<KeyValue>> open_bucket(const BucketConfig& config) = 0;

  virtual BrokerAdmin& admin() = 0;
  virtual const Capabilities& capabilities() const = 0;

  // The clock that the broker was opened with; everything above uses the same one.
  virtual Clock& clock() = 0;
};

}  // namespace leat
