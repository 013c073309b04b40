#include "broker/sqlite/lease_store.h"

#include <algorithm>
#include <utility>

#include "broker/message_size.h"
#include "broker/sqlite/lease_token.h"
#include "broker/sqlite/message_row.h"
#include "broker/sqlite/schema.h"
#include "broker/sqlite/stream_store.h"
#include "core/later.h"

namespace leat::sqlite {
namespace {

// How many sequences a claim walks over at most before others get their turn at the write lock.
constexpr std::uint64_t kWalk = 50'000;
constexpr std::uint64_t kSlice = 10'000;
constexpr std::uint64_t kSweep = 1'000;
constexpr std::size_t kReserved = 1'000;
// A cursor that only passed over other subscriptions' messages is worth storing after so many.
constexpr std::uint64_t kCursorStep = 1'000;

Error lease_lost(const Lease& lease) {
  return {ErrorCode::kLeaseLost, "message " + std::to_string(lease.sequence) + ", delivery " +
                                     std::to_string(lease.delivery_count) +
                                     ": it was settled, removed or delivered again meanwhile"};
}

std::uint32_t bytes_of(const Lease& lease) {
  return LeaseToken::from_encoded(lease.token).value_or(LeaseToken{}).bytes;
}

}  // namespace

LeaseStore::LeaseStore(Transaction& transaction, StreamState& stream, ConsumerState& consumer, SystemTime now)
    : transaction_(transaction),
      stream_(stream),
      consumer_(consumer),
      now_(now),
      messages_(messages_table(stream.id)),
      claims_(transaction.database, consumer) {}

Statement& LeaseStore::sql(std::string_view before, std::string_view after) {
  std::string text(before);
  text += messages_;
  text += after;
  return transaction_.database.statement(text);
}

Claimed LeaseStore::claim(std::size_t max_count) {
  Claimed claimed;
  StreamStore(transaction_, stream_, now_).sweep_expired(kSweep);
  expire_claims(max_count);
  claim_due(max_count, claimed);
  claim_new(max_count, claimed);
  if (claimed.deliveries.empty() && !claimed.more) claimed.next_due = next_due();
  return claimed;
}

void LeaseStore::expire_claims(std::size_t wanted) {
  if (consumer_.claimed == 0) return;
  const std::uint64_t enough = consumer_.leased + wanted;
  while (consumer_.leased < enough) {
    const std::optional<Claim> claim = claims_.due(to_stored(now_));
    if (!claim) return;
    expire(*claim);
  }
}

// Gives each message that the claim still leases a row of its own, due since the claim ran out.
void LeaseStore::expire(const Claim& claim) {
  Statement& move =
      sql("INSERT INTO leases(consumer, sequence, deliveries, due, held) SELECT ?1, sequence, 1, ?7, 1 FROM ",
          " AS message WHERE sequence BETWEEN ?5 AND ?6" + condition_of(consumer_.filter, Walk::kSequences) +
              " AND NOT EXISTS(SELECT 1 FROM leases WHERE consumer = ?1 AND leases.sequence ="
              " message.sequence)");
  move.run(consumer_.id, std::string_view(consumer_.filter.low), std::string_view(consumer_.filter.high),
           std::string_view(consumer_.filter.text), claim.first, claim.last, claim.due);
  consumer_.leased += static_cast<std::uint64_t>(transaction_.database.changed_rows());
  consumer_.claimed -= claim.remaining;
  consumer_.changed = true;
  claims_.remove(claim);
}

void LeaseStore::claim_due(std::size_t max_count, Claimed& claimed) {
  if (consumer_.leased == 0) return;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> due;
  {
    Rows row = transaction_.database
                   .statement(
                       "SELECT sequence, deliveries FROM leases WHERE consumer = ? AND due <= ?"
                       " ORDER BY due LIMIT ?")
                   .query(consumer_.id, to_stored(now_), max_count);
    while (row.next()) due.emplace_back(row.number(0), static_cast<std::uint32_t>(row.integer(1)));
  }
  for (const auto& [sequence, deliveries] : due) {
    if (!deliver_again(sequence, deliveries + 1, claimed)) claimed.more = true;
  }
}

// False when the message grew too old meanwhile.
bool LeaseStore::deliver_again(std::uint64_t sequence, std::uint32_t deliveries, Claimed& claimed) {
  std::optional<StoredMessage> message;
  {
    Rows row = sql("SELECT " + std::string(kMessageColumns) + " FROM ", " WHERE sequence = ?").query(sequence);
    if (row.next() && !is_expired(row.integer(1), stream_.config.max_age, now_)) message = message_of(row);
  }
  const Unsettled unsettled{.deliveries = deliveries};
  if (!message) {
    end_lease(sequence, unsettled);
    return false;
  }
  set_due(sequence, unsettled, lease_end(), true);
  claimed.deliveries.push_back(deliver(*std::move(message), deliveries));
  return true;
}

void LeaseStore::claim_new(std::size_t max_count, Claimed& claimed) {
  const std::uint64_t room = consumer_.max_unsettled - std::min(consumer_.max_unsettled, consumer_.unsettled());
  const std::size_t known = claimed.deliveries.size();
  const std::size_t limit = known + std::min<std::uint64_t>(max_count - known, room);
  const std::uint64_t begin = consumer_.cursor;
  while (claimed.deliveries.size() < limit && consumer_.cursor < stream_.last_sequence) {
    if (consumer_.cursor - begin > kWalk) {
      claimed.more = true;
      break;
    }
    const std::optional<std::uint64_t> end = next_slice_end();
    if (!end) {
      move_cursor(stream_.last_sequence);
    } else if (!walk_slice(*end, limit, claimed)) {
      break;
    }
  }
  lease_new(std::span(claimed.deliveries).subspan(known));
}

// The sequences up to which one statement may walk; empty at the end of the stream.
std::optional<std::uint64_t> LeaseStore::next_slice_end() const {
  if (consumer_.filter.kind == SubjectFilter::Kind::kAll) return stream_.last_sequence;
  Rows row = transaction_.database
                 .statement("SELECT sequence FROM " + messages_ + " WHERE sequence > ? ORDER BY sequence LIMIT 1")
                 .query(consumer_.cursor);
  if (!row.next()) return std::nullopt;
  return std::min(stream_.last_sequence, row.number(0) + kSlice);
}

// False when it met a message that is too old: it is passed over, and ends the claim, which must not cover it.
bool LeaseStore::walk_slice(std::uint64_t end, std::size_t limit, Claimed& claimed) {
  const std::size_t wanted = limit - claimed.deliveries.size();
  Statement& select = sql("SELECT " + std::string(kMessageColumns) + " FROM ",
                          " WHERE sequence > ?1 AND sequence <= ?5" + condition_of(consumer_.filter, Walk::kSequences) +
                              " ORDER BY sequence LIMIT ?6");
  Rows row = query_filtered(select, consumer_.filter, consumer_.cursor, end, wanted);
  claimed.deliveries.reserve(claimed.deliveries.size() + std::min<std::size_t>(wanted, kReserved));
  while (claimed.deliveries.size() < limit && row.next()) {
    if (is_expired(row.integer(1), stream_.config.max_age, now_)) {
      claimed.more = true;
      move_cursor(row.number(0));
      return false;
    }
    claimed.deliveries.push_back(deliver(message_of(row), 1));
  }
  move_cursor(claimed.deliveries.size() < limit ? end : claimed.deliveries.back().message.sequence);
  return true;
}

void LeaseStore::lease_new(std::span<const Delivery> fresh) {
  if (fresh.empty()) return;
  if (stream_.is_work_queue()) {
    claims_.add({.first = fresh.front().message.sequence,
                 .last = fresh.back().message.sequence,
                 .due = lease_end(),
                 .remaining = fresh.size()});
  } else {
    Statement& insert = transaction_.database.statement(
        "INSERT INTO leases(consumer, sequence, deliveries, due, held) VALUES(?, ?, 1, ?, 1)");
    for (const Delivery& delivery : fresh) insert.run(consumer_.id, delivery.message.sequence, lease_end());
    consumer_.leased += fresh.size();
  }
  consumer_.changed = true;
}

void LeaseStore::move_cursor(std::uint64_t sequence) {
  consumer_.cursor = sequence;
  if (consumer_.cursor - consumer_.stored_cursor >= kCursorStep) consumer_.changed = true;
}

Delivery LeaseStore::deliver(StoredMessage message, std::uint32_t deliveries) {
  const LeaseToken token{.consumer = static_cast<std::uint32_t>(consumer_.id),
                         .bytes = static_cast<std::uint32_t>(size_of(message))};
  Lease lease{.sequence = message.sequence, .delivery_count = deliveries, .token = token.encoded()};
  return {.message = std::move(message), .lease = std::move(lease), .number = ++consumer_.deliveries};
}

std::optional<std::int64_t> LeaseStore::next_due() {
  std::optional<std::int64_t> next = claims_.next_due();
  Rows row = transaction_.database.statement("SELECT min(due) FROM leases WHERE consumer = ?").query(consumer_.id);
  if (!row.next() || row.is_null(0)) return next;
  return std::min(next.value_or(row.integer(0)), row.integer(0));
}

std::vector<Result<void>> LeaseStore::settle(std::span<const Settlement> settlements) {
  std::vector<Result<void>> results(settlements.size());
  for (std::size_t i = 0; i < settlements.size();) {
    if (const std::size_t settled = settle_run(settlements.subspan(i)); settled > 0) {
      i += settled;
      continue;
    }
    results[i] = settle_one(settlements[i]);
    ++i;
  }
  claims_.write_back();
  return results;
}

// Settles first deliveries with neighbouring sequences by one statement; returns how many, 0 when there is no such run.
std::size_t LeaseStore::settle_run(std::span<const Settlement> settlements) {
  constexpr std::size_t kWorthwhile = 4;
  std::size_t length = run_length(settlements);
  if (length < kWorthwhile) return 0;
  const std::uint64_t first = settlements.front().lease.sequence;
  const Claim* claim = claims_.covering(first);
  if (claim == nullptr) return 0;
  length = std::min<std::uint64_t>(length, claim->last - first + 1);
  if (!is_plain(first, first + length - 1)) return 0;
  std::uint64_t bytes = 0;
  for (const Settlement& settlement : settlements.first(length)) bytes += bytes_of(settlement.lease);
  sql("DELETE FROM ", " WHERE sequence BETWEEN ? AND ?").run(first, first + length - 1);
  claims_.release(length);
  count_removed(length, bytes);
  return length;
}

std::size_t LeaseStore::run_length(std::span<const Settlement> settlements) const {
  if (!stream_.is_work_queue()) return 0;
  std::size_t length = 0;
  for (const Settlement& settlement : settlements) {
    const Lease& lease = settlement.lease;
    const auto token = LeaseToken::from_encoded(lease.token);
    if (settlement.verdict == Verdict::kRetry || lease.delivery_count != 1 || !token ||
        token->consumer != static_cast<std::uint32_t>(consumer_.id) ||
        lease.sequence != settlements.front().lease.sequence + length) {
      break;
    }
    ++length;
  }
  return length;
}

// True when all these messages are there and leased by their claim.
bool LeaseStore::is_plain(std::uint64_t first, std::uint64_t last) {
  if (consumer_.leased > 0) {
    Rows row =
        transaction_.database.statement("SELECT 1 FROM leases WHERE consumer = ? AND sequence BETWEEN ? AND ? LIMIT 1")
            .query(consumer_.id, first, last);
    if (row.next()) return false;
  }
  Rows row = sql("SELECT count(*) FROM ", " WHERE sequence BETWEEN ? AND ?").query(first, last);
  return row.next() && row.number(0) == last - first + 1;
}

std::optional<LeaseStore::Unsettled> LeaseStore::find(std::uint64_t sequence) {
  if (consumer_.leased > 0) {
    Rows row =
        transaction_.database.statement("SELECT deliveries, held FROM leases WHERE consumer = ? AND sequence = ?")
            .query(consumer_.id, sequence);
    if (row.next()) {
      return Unsettled{.deliveries = static_cast<std::uint32_t>(row.integer(0)), .held = row.integer(1) != 0};
    }
  }
  if (consumer_.claimed == 0 || claims_.covering(sequence) == nullptr) return std::nullopt;
  Rows row = sql("SELECT 1 FROM ", " WHERE sequence = ?").query(sequence);
  if (!row.next()) return std::nullopt;
  return Unsettled{.by_claim = true};
}

std::optional<LeaseStore::Unsettled> LeaseStore::find_held(const Lease& lease) {
  const auto token = LeaseToken::from_encoded(lease.token);
  if (!token || token->consumer != static_cast<std::uint32_t>(consumer_.id)) return std::nullopt;
  const std::optional<Unsettled> found = find(lease.sequence);
  const bool held = found && found->held && found->deliveries == lease.delivery_count;
  return held ? found : std::nullopt;
}

Result<void> LeaseStore::settle_one(const Settlement& settlement) {
  const Lease& lease = settlement.lease;
  const std::optional<Unsettled> held = find_held(lease);
  if (!held) return lease_lost(lease);
  if (settlement.verdict == Verdict::kRetry) {
    set_due(lease.sequence, *held, to_stored(later(now_, std::max(settlement.delay, Duration{0}))), false);
    return {};
  }
  end_lease(lease.sequence, *held);
  if (stream_.is_work_queue()) {
    sql("DELETE FROM ", " WHERE sequence = ?").run(lease.sequence);
    count_removed(1, bytes_of(lease));
  }
  return {};
}

std::vector<Result<void>> LeaseStore::extend(std::span<const Lease> leases) {
  std::vector<Result<void>> results;
  results.reserve(leases.size());
  for (const Lease& lease : leases) results.push_back(extend_one(lease));
  claims_.write_back();
  return results;
}

Result<void> LeaseStore::extend_one(const Lease& lease) {
  const std::optional<Unsettled> held = find_held(lease);
  if (!held) return lease_lost(lease);
  set_due(lease.sequence, *held, lease_end(), true);
  return {};
}

void LeaseStore::set_due(std::uint64_t sequence, const Unsettled& unsettled, std::int64_t due, bool held) {
  if (unsettled.by_claim) {
    transaction_.database
        .statement("INSERT INTO leases(consumer, sequence, deliveries, due, held) VALUES(?, ?, ?, ?, ?)")
        .run(consumer_.id, sequence, unsettled.deliveries, due, held);
    claims_.release(1);
    ++consumer_.leased;
  } else {
    transaction_.database
        .statement("UPDATE leases SET deliveries = ?, due = ?, held = ? WHERE consumer = ? AND sequence = ?")
        .run(unsettled.deliveries, due, held, consumer_.id, sequence);
  }
  consumer_.changed = true;
}

void LeaseStore::end_lease(std::uint64_t sequence, const Unsettled& unsettled) {
  if (unsettled.by_claim) {
    claims_.release(1);
    return;
  }
  transaction_.database.statement("DELETE FROM leases WHERE consumer = ? AND sequence = ?").run(consumer_.id, sequence);
  --consumer_.leased;
  consumer_.changed = true;
}

void LeaseStore::forget(std::uint64_t sequence) {
  if (const std::optional<Unsettled> found = find(sequence)) end_lease(sequence, *found);
  claims_.write_back();
}

void LeaseStore::count_removed(std::uint64_t messages, std::uint64_t bytes) {
  stream_.messages -= messages;
  stream_.bytes -= bytes;
  stream_.changed = true;
}

}  // namespace leat::sqlite
