// Reads work queues, where no second consumer is allowed: message by message, many requests at a time.
#pragma once

#include <deque>

#include "broker/jetstream/lookup.h"
#include "leat/reader.h"

namespace leat::jetstream {

class LookupReader : public Reader {
 public:
  LookupReader(Session& session, const ReaderConfig& config);

  Result<std::vector<StoredMessage>> read(const ReadOptions& options, std::stop_token stop) override;

 private:
  // A part of the stream that is walked by itself: [next, end).
  struct Range {
    std::uint64_t next;
    std::uint64_t end;
    std::vector<StoredMessage> found{};
  };

  Result<bool> read_ahead(const std::stop_token& stop);
  Result<bool> refresh_last();
  Result<void> walk(std::vector<Range>& ranges, const std::stop_token& stop);
  void keep(std::vector<Range>& ranges);
  std::vector<StoredMessage> take(const ReadOptions& options);

  Session& session_;
  const ReaderConfig config_;
  std::uint64_t next_sequence_;      // everything below is read
  std::uint64_t last_sequence_ = 0;  // of the stream, when it was last asked
  std::size_t range_size_;
  std::deque<StoredMessage> ready_;
};

}  // namespace leat::jetstream
