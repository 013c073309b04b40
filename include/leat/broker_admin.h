// Looks into streams and changes single messages by hand: for inspectors, command lines and dashboards.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/message.h"
#include "leat/result.h"

namespace leat {

struct StreamFacts {
  std::string name;
  SystemTime created{};
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;           // as the broker counts them
  std::uint64_t first_sequence = 0;  // of the oldest message; 0 when there was never one
  std::uint64_t last_sequence = 0;   // of the newest message ever stored, also when it is gone
  std::uint64_t selected = 0;        // messages under the filter that was asked about; 0 without one
  unsigned replicas = 1;             // copies that there should be, the leader's too
  unsigned replicas_current = 1;     // copies that are there and up to date; 0 without a leader
};

struct ConsumerFacts {
  std::string name;
  std::string filter;
  std::uint64_t pending = 0;      // never delivered yet
  std::uint64_t unsettled = 0;    // delivered and not settled: leased, or waiting for a retry
  std::uint64_t redelivered = 0;  // of the unsettled: delivered more than once
  // No message with a greater sequence has ever been delivered.
  std::uint64_t delivered_up_to = 0;
};

// Thread-safe. Errors of all: kUnavailable, kDenied; kNotFound where a stream is named that is not there.
class BrokerAdmin {
 public:
  virtual ~BrokerAdmin() = default;

  // With a `filter`, counts what is under it: cheap where few subjects match, a walk over the matching subjects
  // elsewhere.
  virtual Result<StreamFacts> stream(std::string_view stream, std::string_view filter = {}) = 0;
  // All durable subscriptions of a stream, by name.
  virtual Result<std::vector<ConsumerFacts>> consumers(std::string_view stream) = 0;
  // The messages with these sequences, pipelined: one result per sequence, in order; empty when there is none. All are
  // held in memory: 10'000 sequences a call are well, where messages are large fewer.
  virtual std::vector<Result<std::optional<StoredMessage>>> read(std::string_view stream,
                                                                 std::span<const std::uint64_t> sequences) = 0;
  // The newest message under each of these subjects; otherwise as read(). Errors: kInvalidArgument (no subject, or one
  // with wildcards: that one alone).
  virtual std::vector<Result<std::optional<StoredMessage>>> read_last(std::string_view stream,
                                                                      std::span<const std::string> subjects) = 0;
  // Removes messages, pipelined, each on its own (no transaction over them). One result per sequence, in order; false
  // when it was not there. Where answers get lost, a removal without one is repeated: when the message is gone by then,
  // the result is true, because who removed it cannot be known. Of many that lie first in their stream it may be false
  // for that reason: when an answer is lost, or somebody else removes one of them at the same moment. Errors:
  // kUnavailable (not removed), kUnknown (no answer until the end: removed or not).
  virtual std::vector<Result<bool>> remove(std::string_view stream, std::span<const std::uint64_t> sequences) = 0;
  // Removes every message that the filter selects, leased ones too; returns how many.
  virtual Result<std::uint64_t> purge(std::string_view stream, std::string_view filter) = 0;
  virtual Result<void> delete_stream(std::string_view stream) = 0;
  virtual Result<void> delete_consumer(std::string_view stream, std::string_view consumer) = 0;

  // The same for one message.
  Result<std::optional<StoredMessage>> read(std::string_view stream, std::uint64_t sequence);
  Result<std::optional<StoredMessage>> read_last(std::string_view stream, std::string_view subject);
  Result<bool> remove(std::string_view stream, std::uint64_t sequence);
};

}  // namespace leat
