// The messages of one stream inside one transaction: appends, removals and limits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/sqlite/write_queue.h"
#include "leat/broker.h"

namespace leat::sqlite {

// Lives as long as the Write that made it. Everything throws DatabaseError.
class StreamStore {
 public:
  StreamStore(Transaction& transaction, StreamState& stream, SystemTime now);

  // The message is valid (check_message). Errors: kConflict, kInvalidArgument (no subject of this stream), kFull.
  Result<Appended> append(const AppendRequest& request);
  // After appends: removes what is over the limits, and forgets message ids whose window has passed.
  void apply_limits();
  // Removes up to `most` messages that are too old; true when there may be more.
  bool sweep_expired(std::uint64_t most);

  // Removes one message and its leases; false when it is not there.
  bool remove(std::uint64_t sequence);
  // Removes up to `most` messages that the filter selects, from the first sequence after `after` on, which it moves.
  std::uint64_t purge(const SubjectFilter& filter, std::uint64_t& after, std::uint64_t most);

 private:
  struct Row {
    std::uint64_t sequence = 0;
    std::string subject;
    std::uint64_t size = 0;
  };

  Statement& sql(std::string_view before, std::string_view after);
  Result<void> check_storable(const AppendRequest& request);
  std::uint64_t find_id(std::string_view id);
  std::uint64_t last_of(std::string_view subject);
  std::uint64_t store(const AppendRequest& request);
  void limit_subject(std::string_view subject);
  void limit_stream();
  void forget_ids();
  void drop(const Row& row);
  void release_leases(const Row& row);

  Transaction& transaction_;
  StreamState& stream_;
  const SystemTime now_;
  const std::string messages_;
  const std::string ids_;
  Statement* insert_ = nullptr;
  std::string checked_subject_;  // is one of the stream's
  std::uint64_t stored_ids_ = 0;
};

}  // namespace leat::sqlite
