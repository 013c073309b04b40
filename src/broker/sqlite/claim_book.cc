#include "broker/sqlite/claim_book.h"

#include <utility>

namespace leat::sqlite {
namespace {

Claim claim_of(const Rows& row) {
  return {.first = row.number(0), .last = row.number(1), .due = row.integer(2), .remaining = row.number(3)};
}

}  // namespace

void ClaimBook::add(const Claim& claim) {
  database_.statement("INSERT INTO claims(consumer, first, last, due, remaining) VALUES(?, ?, ?, ?, ?)")
      .run(consumer_.id, claim.first, claim.last, claim.due, claim.remaining);
  consumer_.claimed += claim.remaining;
  consumer_.changed = true;
}

const Claim* ClaimBook::covering(std::uint64_t sequence) {
  const auto covers = [&] { return found_ && found_->first <= sequence && sequence <= found_->last; };
  if (!covers()) {
    write_back();
    Rows row = database_
                   .statement(
                       "SELECT first, last, due, remaining FROM claims WHERE consumer = ? AND first <= ?"
                       " ORDER BY first DESC LIMIT 1")
                   .query(consumer_.id, sequence);
    if (row.next()) found_ = claim_of(row);
  }
  return covers() ? &*found_ : nullptr;
}

void ClaimBook::release(std::uint64_t count) {
  found_->remaining -= count;
  consumer_.claimed -= count;
  consumer_.changed = true;
  changed_ = true;
}

void ClaimBook::write_back() {
  const std::optional<Claim> claim = std::exchange(found_, std::nullopt);
  if (!std::exchange(changed_, false)) return;
  if (claim->remaining == 0) {
    remove(*claim);
  } else {
    database_.statement("UPDATE claims SET remaining = ? WHERE consumer = ? AND first = ?")
        .run(claim->remaining, consumer_.id, claim->first);
  }
}

std::optional<Claim> ClaimBook::due(std::int64_t now) {
  Rows row = database_
                 .statement(
                     "SELECT first, last, due, remaining FROM claims WHERE consumer = ? AND due <= ?"
                     " ORDER BY due LIMIT 1")
                 .query(consumer_.id, now);
  if (!row.next()) return std::nullopt;
  return claim_of(row);
}

void ClaimBook::remove(const Claim& claim) {
  database_.statement("DELETE FROM claims WHERE consumer = ? AND first = ?").run(consumer_.id, claim.first);
}

std::optional<std::int64_t> ClaimBook::next_due() {
  Rows row = database_.statement("SELECT min(due) FROM claims WHERE consumer = ?").query(consumer_.id);
  if (!row.next() || row.is_null(0)) return std::nullopt;
  return row.integer(0);
}

}  // namespace leat::sqlite
