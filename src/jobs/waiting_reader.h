// Reads jobs that wait, by their sequences, a chunk at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "leat/broker.h"

namespace leat {

// One thread at a time. The broker, and what the sequences lie in, must outlive it.
class WaitingReader {
 public:
  WaitingReader(Broker& broker, std::string stream, std::span<const std::uint64_t> sequences);

  // True when all of them have been read.
  bool is_over() const { return rest_.empty(); }
  // The next ones; those that are not there any more are left out. Errors: as Admin::read() and Reader::read().
  Result<std::vector<StoredMessage>> next();

 private:
  Result<std::vector<StoredMessage>> next_by_sequence();
  Result<std::vector<StoredMessage>> next_in_order();

  Broker& broker_;
  const std::string stream_;
  std::span<const std::uint64_t> rest_;
  const bool in_order_;  // one reader for all: brokers deliver faster than they answer
  std::unique_ptr<Reader> reader_;
};

}  // namespace leat
