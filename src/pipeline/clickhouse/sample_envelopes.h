// Envelopes as devices would send them, for demonstrations and measurements: the same seed makes the same ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include "leat/broker.h"

namespace leat {

struct SampleEnvelopeOptions {
  std::string stream = "processed_envelopes";
  std::string subject = "processed_envelopes";  // the device's id stands behind it
  std::uint64_t seed = 1;
  std::uint32_t devices = 100;       // 1 to 1'000'000
  std::uint32_t organizations = 10;  // 1 to 1'000'000; a device belongs to one
  std::uint64_t count = 0;           // of envelopes; 0: until it is stopped
  double rate = 1000;                // a second; 0: as many as the broker takes
  std::size_t batch = 500;           // at most so many in one append, 1 to 10'000
  SystemTime begin{};                // when the first one occurred; the others follow at the rate, or each millisecond
};

// Thread-safe.
class SampleEnvelopes {
 public:
  // kInvalidArgument, naming the option.
  static Result<SampleEnvelopes> open(SampleEnvelopeOptions options);

  // The envelope of this number, from 0, as it is appended: under an id, so that it is stored once however often it is
  // appended within the stream's dedupe window.
  AppendRequest make(std::uint64_t number) const;

  // Appends them in order. Returns how many: `count`, or fewer when `stop` came first. What passes (no connection, a
  // full disk) is tried again, with pauses. Errors: the others of Broker::append, of the first that was not stored.
  Result<std::uint64_t> append_all(Broker& broker, std::stop_token stop) const;

 private:
  explicit SampleEnvelopes(SampleEnvelopeOptions options) : options_(std::move(options)) {}

  std::size_t batch_size() const;
  Duration after_begin(std::uint64_t number) const;
  Result<void> append_batch(Broker& broker, std::uint64_t begin, std::uint64_t end) const;
  Result<void> append_surely(Broker& broker, std::uint64_t begin, std::uint64_t end, const std::stop_token& stop) const;

  SampleEnvelopeOptions options_;
};

}  // namespace leat
