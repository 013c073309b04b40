// Looks into streams and changes single messages by hand: for inspectors, command lines and dashboards.
#pragma once

#include <cstdint>
#include <optional>
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

// Thread-safe. Errors of all: kUnavailable; kNotFound where a stream is named that is not there.
class BrokerAdmin {
 public:
  virtual ~BrokerAdmin() = default;

  // With a `filter`, counts what is under it: cheap where few subjects match, a walk over the matching subjects
  // elsewhere.
  virtual Result<StreamFacts> stream(std::string_view stream, std::string_view filter = {}) = 0;
  // All durable subscriptions of a stream, by name.
  virtual Result<std::vector<ConsumerFacts>> consumers(std::string_view stream) = 0;
  // The message with this sequence; empty when there is none.
  virtual Result<std::optional<StoredMessage>> read(std::string_view stream, std::uint64_t sequence) = 0;
  // The newest message under this subject (no wildcards); empty when there is none.
  virtual Result<std::optional<StoredMessage>> read_last(std::string_view stream, std::string_view subject) = 0;
  // Removes one message; false when it was not there.
  virtual Result<bool> remove(std::string_view stream, std::uint64_t sequence) = 0;
  // Removes every message that the filter selects, leased ones too; returns how many.
  virtual Result<std::uint64_t> purge(std::string_view stream, std::string_view filter) = 0;
  virtual Result<void> delete_stream(std::string_view stream) = 0;
  virtual Result<void> delete_consumer(std::string_view stream, std::string_view consumer) = 0;
};

}  // namespace leat
