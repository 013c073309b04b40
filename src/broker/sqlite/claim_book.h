// The claims of one subscription of a work queue: the first deliveries of one fetch, leased by a single row.
//
// A claim covers every message between its first and its last sequence that the filter selects and that has no row in
// `leases`. Claims of a subscription never overlap, because its cursor only moves on.
#pragma once

#include <cstdint>
#include <optional>

#include "broker/sqlite/catalog.h"
#include "broker/sqlite/database.h"

namespace leat::sqlite {

struct Claim {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::int64_t due = 0;
  std::uint64_t remaining = 0;  // messages that it still leases; the row goes with the last one
};

// Lives as long as the Write that made it. Everything throws DatabaseError.
class ClaimBook {
 public:
  ClaimBook(Database& database, ConsumerState& consumer) : database_(database), consumer_(consumer) {}

  void add(const Claim& claim);
  // The claim that covers the sequence. The pointer lives until the next call.
  const Claim* covering(std::uint64_t sequence);
  // `count` messages of the claim that was found last are leased by it no more.
  void release(std::uint64_t count);
  // Writes what release() changed. Before the Write ends, and before due() and remove().
  void write_back();

  // A claim that ran out, the earliest first.
  std::optional<Claim> due(std::int64_t now);
  void remove(const Claim& claim);
  // When the next one runs out.
  std::optional<std::int64_t> next_due();

 private:
  Database& database_;
  ConsumerState& consumer_;
  std::optional<Claim> found_;
  bool changed_ = false;
};

}  // namespace leat::sqlite
