// Keeps messages that are dead, each once however often it is tried: under a subject made of where it comes from, and
// only if nothing is there yet.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipeline/collected_batch.h"

namespace leat {

// Thread-safe after open().
class DeadLetterStore {
 public:
  DeadLetterStore(Broker& broker, const BatchConsumerOptions& options) : broker_(broker), options_(options) {}

  // Makes the stream when it is missing. Without one in the options it does nothing. Errors: as
  // Broker::ensure_stream().
  Result<void> open();

  // One result for each index into the batch. Ok without a stream, too.
  std::vector<Result<void>> keep(const CollectedBatch& batch, std::span<const std::size_t> dead);

 private:
  AppendRequest make_letter(const StoredMessage& message, const Ruling& ruling) const;

  Broker& broker_;
  const BatchConsumerOptions& options_;
  std::string created_;  // keeps the numbers of the stream apart from those of an earlier one of that name
};

}  // namespace leat
