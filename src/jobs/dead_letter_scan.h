// Walks over the dead letters that a filter selects, those alone that were there when it began.
#pragma once

#include <deque>
#include <memory>
#include <stop_token>
#include <vector>

#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/dead_letters.h"

namespace leat {

// Dead letters that are read, or imported, at once.
constexpr std::size_t kDeadLetterBatch = 256;

// Not thread-safe. Borrows the broker and the names.
class DeadLetterScan {
 public:
  // kInvalidArgument naming the setting.
  static Result<void> check(const DeadLetterFilter& filter);

  // The filter is a checked one. Without a limit in it there is none.
  DeadLetterScan(Broker& broker, const Names& names, DeadLetterFilter filter);

  // The next ones, `max_count` unless fewer are left. Empty: the end, or `stop` is requested. Read not long ago: what
  // waited here is read again, because others may have retried it meanwhile.
  // Errors: kInvalidArgument, kUnavailable; safe to call again.
  Result<std::vector<StoredMessage>> next(std::size_t max_count, const std::stop_token& stop);

 private:
  Result<void> find_end();
  Result<void> fill(std::size_t max_count, const std::stop_token& stop);
  bool selects(const StoredMessage& message) const;

  Broker& broker_;
  const Names& names_;
  const DeadLetterFilter filter_;
  const SystemTime died_before_;
  const SystemTime died_after_;
  const bool selective_;  // by more than the reader can
  std::uint64_t next_number_;
  std::uint64_t end_ = 0;  // the last number; 0: not known yet
  std::size_t left_;
  bool over_ = false;
  std::unique_ptr<Reader> reader_;
  SteadyTime opened_{};
  std::deque<StoredMessage> waiting_;
};

}  // namespace leat
