// Reads the jobs of a move, by their sequences in the scheduled stream, a chunk at a time.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "leat/broker.h"

namespace leat {

// One thread at a time. The broker, and what the sequences lie in, must outlive it.
class HandoffReader {
 public:
  static constexpr std::size_t kChunk = 500;

  HandoffReader(Broker& broker, std::string stream, std::span<const std::uint64_t> sequences);

  // True when all of them have been read.
  bool is_over() const { return rest_.empty(); }
  // The next ones; those that are not there any more are left out. None, too, when `stop` came first. Errors: as
  // Broker::open_reader(), Reader::read() and BrokerAdmin::read().
  Result<std::vector<StoredMessage>> next(const std::stop_token& stop);

 private:
  Result<bool> is_worth_a_reader();
  Result<std::vector<StoredMessage>> next_by_sequence();
  Result<std::vector<StoredMessage>> next_in_order(const std::stop_token& stop);

  Broker& broker_;
  const std::string stream_;
  std::span<const std::uint64_t> rest_;
  std::optional<bool> in_order_;  // one reader for all, since brokers deliver faster than they answer; not known yet
  std::unique_ptr<Reader> reader_;
};

}  // namespace leat
