#include "broker/sqlite/sqlite_consumer.h"

#include <algorithm>
#include <utility>

#include "broker/config_checks.h"
#include "broker/sqlite/message_row.h"

namespace leat::sqlite {
namespace {

Error filter_differs(const ConsumerConfig& config, const ConsumerState& actual) {
  return {ErrorCode::kConflict, "subscription \"" + config.name + "\" exists with the filter \"" + actual.filter.text +
                                    "\", not \"" + config.filter + "\""};
}

Error filter_overlaps(const ConsumerConfig& config, const ConsumerState& other) {
  return {ErrorCode::kConflict, "subscription \"" + config.name + "\": its filter \"" + config.filter +
                                    "\" overlaps that of \"" + other.name + "\", \"" + other.filter.text +
                                    "\"; each message of a work queue belongs to one subscription"};
}

void check_overlaps(const StreamState& stream, const ConsumerConfig& config) {
  if (!stream.is_work_queue()) return;
  for (const auto& [name, other] : stream.consumers) {
    if (filters_overlap(other.filter.text, config.filter)) throw filter_overlaps(config, other);
  }
}

std::uint64_t first_cursor(Database& database, const StreamState& stream, const ConsumerConfig& config) {
  if (stream.is_work_queue()) return 0;
  if (config.start_time) {
    return cursor_before(database, stream.id, *config.start_time, stream.last_sequence);
  }
  if (config.start_sequence > 0) return config.start_sequence - 1;
  return config.start == ConsumerConfig::Start::kEnd ? stream.last_sequence : 0;
}

ConsumerState& find_or_create(Transaction& transaction, StreamState& stream, const ConsumerConfig& config) {
  if (const auto found = stream.consumers.find(config.name); found != stream.consumers.end()) {
    if (found->second.filter.text != config.filter) throw filter_differs(config, found->second);
    return found->second;
  }
  check_overlaps(stream, config);
  const std::uint64_t cursor = first_cursor(transaction.database, stream, config);
  return transaction.catalog.create_consumer(stream, config, cursor);
}

}  // namespace

Result<std::unique_ptr<Consumer>> SqliteConsumer::open(Store& store, const ConsumerConfig& config) {
  if (auto valid = check_consumer_config(config); !valid) return valid.error();
  Identity identity;
  Duration ack_wait{0};
  std::vector<Drift> drift;
  auto opened = store.write(Durability::kCommitted, [&](Transaction& transaction) {
    StreamState& stream = transaction.catalog.stream(config.stream);
    const ConsumerState& consumer = find_or_create(transaction, stream, config);
    identity = {config.stream, stream.id, config.name, consumer.id, stream.topic};
    ack_wait = consumer.ack_wait;
    drift = compare_consumers(config, consumer.ack_wait, consumer.max_unsettled);
  });
  if (!opened) return opened.error();
  return std::unique_ptr<Consumer>(new SqliteConsumer(store, std::move(identity), ack_wait, std::move(drift)));
}

template <class Body>
Result<void> SqliteConsumer::with_leases(Durability durability, Body body) {
  return store_.write(durability, [&](Transaction& transaction) {
    StreamState& stream = transaction.catalog.stream(identity_.stream, identity_.stream_id);
    ConsumerState& consumer = transaction.catalog.consumer(stream, identity_.name, identity_.id);
    LeaseStore leases(transaction, stream, consumer, store_.clock().now());
    body(transaction, leases, consumer);
  });
}

Result<std::vector<Delivery>> SqliteConsumer::fetch(const FetchOptions& options, std::stop_token stop) {
  if (auto valid = check_fetch_options(options); !valid) return valid.error();
  const SteadyTime deadline = deadline_after(store_.clock(), bounded_wait(options.max_wait));
  while (!stop.stop_requested()) {
    const std::uint32_t seen = store_.wake().version(identity_.topic);
    auto claimed = claim(options.max_count);
    if (!claimed) return claimed.error();
    if (!claimed->deliveries.empty()) return std::move(claimed->deliveries);
    if (claimed->more) continue;
    if (store_.clock().steady() >= deadline) break;
    store_.wait(identity_.topic, seen, next_look(*claimed, deadline), stop);
  }
  return std::vector<Delivery>{};
}

// A lease that a power cut takes back is delivered again: waiting for the disk would gain nothing.
Result<Claimed> SqliteConsumer::claim(std::size_t max_count) {
  Claimed claimed;
  auto done = with_leases(Durability::kProcess,
                          [&](Transaction&, LeaseStore& leases, ConsumerState&) { claimed = leases.claim(max_count); });
  if (!done) return done.error();
  return claimed;
}

SteadyTime SqliteConsumer::next_look(const Claimed& claimed, SteadyTime deadline) const {
  if (!claimed.next_due) return deadline;
  const Duration left = from_stored(*claimed.next_due) - store_.clock().now();
  return std::min(deadline, deadline_after(store_.clock(), std::max(left, Duration{0})));
}

std::vector<Result<void>> SqliteConsumer::settle(std::span<const Settlement> settlements) {
  std::vector<Result<void>> results;
  const bool retries = std::any_of(settlements.begin(), settlements.end(),
                                   [](const Settlement& settlement) { return settlement.verdict == Verdict::kRetry; });
  auto done =
      with_leases(Durability::kCommitted, [&](Transaction& transaction, LeaseStore& leases, ConsumerState& consumer) {
        const bool was_full = consumer.unsettled() >= consumer.max_unsettled;
        results = leases.settle(settlements);
        if (retries || was_full) transaction.wake(identity_.topic);
      });
  if (!done) return std::vector<Result<void>>(settlements.size(), done.error());
  return results;
}

std::vector<Result<void>> SqliteConsumer::extend(std::span<const Lease> leases) {
  std::vector<Result<void>> results;
  auto done = with_leases(Durability::kProcess,
                          [&](Transaction&, LeaseStore& store, ConsumerState&) { results = store.extend(leases); });
  if (!done) return std::vector<Result<void>>(leases.size(), done.error());
  return results;
}

}  // namespace leat::sqlite
