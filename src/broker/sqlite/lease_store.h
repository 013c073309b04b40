// The leases of one subscription inside one transaction.
//
// A work queue's first deliveries are leased by their claim (claim_book.h) and settled by deleting the message itself.
// Whatever becomes of a message otherwise (a retry, an extension, a claim that ran out) gives it a row of its own in
// `leases`, which counts instead of the claim. On other streams every delivery has such a row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/sqlite/claim_book.h"
#include "broker/sqlite/write_queue.h"
#include "leat/consumer.h"

namespace leat::sqlite {

struct Claimed {
  std::vector<Delivery> deliveries;
  bool more = false;                       // the walk was cut short: claim again at once
  std::optional<std::int64_t> next_due{};  // nothing was ready: when the next lease runs out or retry is due
};

// Lives as long as the Write that made it. Everything throws DatabaseError.
class LeaseStore {
 public:
  LeaseStore(Transaction& transaction, StreamState& stream, ConsumerState& consumer, SystemTime now);

  // Leases up to `max_count` messages: those that are due again first, then new ones.
  Claimed claim(std::size_t max_count);
  std::vector<Result<void>> settle(std::span<const Settlement> settlements);
  std::vector<Result<void>> extend(std::span<const Lease> leases);
  // Ends the lease of a message that is about to be removed, if there is one.
  void forget(std::uint64_t sequence);

 private:
  struct Unsettled {
    std::uint32_t deliveries = 1;
    bool held = true;       // delivered and not given back
    bool by_claim = false;  // has no row of its own
  };

  Statement& sql(std::string_view before, std::string_view after);
  std::int64_t lease_end() const { return to_stored(now_ + consumer_.ack_wait); }

  void expire_claims(std::size_t wanted);
  void expire(const Claim& claim);
  void claim_due(std::size_t max_count, Claimed& claimed);
  bool deliver_again(std::uint64_t sequence, std::uint32_t deliveries, Claimed& claimed);
  void claim_new(std::size_t max_count, Claimed& claimed);
  std::optional<std::uint64_t> next_slice_end() const;
  bool walk_slice(std::uint64_t end, std::size_t max_count, Claimed& claimed);
  void lease_new(std::span<const Delivery> fresh);
  void move_cursor(std::uint64_t sequence);
  Delivery deliver(StoredMessage message, std::uint32_t deliveries);
  std::optional<std::int64_t> next_due();

  std::optional<Unsettled> find_held(const Lease& lease);
  std::optional<Unsettled> find(std::uint64_t sequence);
  Result<void> settle_one(const Settlement& settlement);
  std::size_t settle_run(std::span<const Settlement> settlements);
  std::size_t run_length(std::span<const Settlement> settlements) const;
  bool is_plain(std::uint64_t first, std::uint64_t last);
  Result<void> extend_one(const Lease& lease);
  void set_due(std::uint64_t sequence, const Unsettled& unsettled, std::int64_t due, bool held);
  void end_lease(std::uint64_t sequence, const Unsettled& unsettled);
  void count_removed(std::uint64_t messages, std::uint64_t bytes);

  Transaction& transaction_;
  StreamState& stream_;
  ConsumerState& consumer_;
  const SystemTime now_;
  const std::string messages_;
  ClaimBook claims_;
};

}  // namespace leat::sqlite
