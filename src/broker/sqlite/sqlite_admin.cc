#include "broker/sqlite/sqlite_admin.h"

#include <string>

#include "broker/sqlite/message_row.h"
#include "broker/sqlite/schema.h"
#include "broker/sqlite/stream_store.h"

namespace leat::sqlite {
namespace {

// How much one transaction removes: others get their turn in between.
constexpr std::uint64_t kPurgePortion = 5'000;

std::uint64_t count(Database& database, std::int64_t stream, const SubjectFilter& filter, std::uint64_t after,
                    std::uint64_t last) {
  const Walk walk = has_subject_index(database, stream) && after == 0 ? Walk::kSubjects : Walk::kSequences;
  Rows row = query_filtered(
      database.statement("SELECT count(*) FROM " + messages_table(stream) + " WHERE sequence > ?1 AND sequence <= ?5" +
                         condition_of(filter, walk) + " AND ?6 = 0"),
      filter, after, last, 0);
  return row.next() ? row.number(0) : 0;
}

std::uint64_t first_sequence(Database& database, const StreamRow& stream) {
  if (stream.last_sequence == 0) return 0;
  Rows row = database.statement("SELECT min(sequence) FROM " + messages_table(stream.id)).query();
  return row.next() && !row.is_null(0) ? row.number(0) : stream.last_sequence + 1;
}

std::uint64_t count_redelivered(Database& database, std::int64_t consumer) {
  Rows row = database.statement("SELECT count(*) FROM leases WHERE consumer = ? AND deliveries > 1").query(consumer);
  return row.next() ? row.number(0) : 0;
}

using Messages = std::vector<Result<std::optional<StoredMessage>>>;

// A message that cannot be read fails alone.
Result<std::optional<StoredMessage>> first_alive(Rows row, Duration max_age, SystemTime now) {
  try {
    if (!row.next() || is_expired(row.integer(1), max_age, now)) return std::optional<StoredMessage>();
    return std::optional<StoredMessage>(message_of(row));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCorrupt) throw;
    return error;
  }
}

}  // namespace

Result<void> SqliteAdmin::sweep_expired(std::string_view stream) {
  const auto max_age =
      store_.reads().read([&](Database& database) { return read_stream_row(database, stream).max_age; });
  if (!max_age) return max_age.error();
  if (*max_age == Duration{0}) return {};
  for (bool more = true; more;) {
    auto swept = store_.write(Durability::kProcess, [&](Transaction& transaction) {
      StreamStore messages(transaction, transaction.catalog.stream(stream), store_.clock().now());
      more = messages.sweep_expired(kPurgePortion);
    });
    if (!swept) return swept;
  }
  return {};
}

Result<StreamFacts> SqliteAdmin::stream(std::string_view stream, std::string_view filter) {
  if (!filter.empty()) {
    if (auto valid = check_filter(filter); !valid) return valid.error();
  }
  if (auto swept = sweep_expired(stream); !swept) return swept.error();
  return store_.reads().read([&](Database& database) {
    const StreamRow row = read_stream_row(database, stream);
    StreamFacts facts{.name = std::string(stream),
                      .created = row.created,
                      .messages = row.messages,
                      .bytes = row.bytes,
                      .first_sequence = first_sequence(database, row),
                      .last_sequence = row.last_sequence};
    if (filter == ">") facts.selected = row.messages;
    if (filter.empty() || filter == ">") return facts;
    facts.selected = count(database, row.id, SubjectFilter(std::string(filter)), 0, row.last_sequence);
    return facts;
  });
}

Result<std::vector<ConsumerFacts>> SqliteAdmin::consumers(std::string_view stream) {
  if (auto swept = sweep_expired(stream); !swept) return swept.error();
  return store_.reads().read([&](Database& database) {
    const StreamRow row = read_stream_row(database, stream);
    std::vector<ConsumerFacts> facts;
    Rows consumer = database
                        .statement(
                            "SELECT id, name, filter, cursor, claimed + leased FROM consumers WHERE stream = ?"
                            " ORDER BY name")
                        .query(row.id);
    while (consumer.next()) {
      const SubjectFilter filter(consumer.string(2));
      facts.push_back({.name = consumer.string(1),
                       .filter = filter.text,
                       .pending = count(database, row.id, filter, consumer.number(3), row.last_sequence),
                       .unsettled = consumer.number(4),
                       .redelivered = count_redelivered(database, consumer.integer(0)),
                       .delivered_up_to = consumer.number(3)});
    }
    return facts;
  });
}

std::vector<Result<std::optional<StoredMessage>>> SqliteAdmin::read(std::string_view stream,
                                                                    std::span<const std::uint64_t> sequences) {
  const SystemTime now = store_.clock().now();
  auto results = store_.reads().read([&](Database& database) {
    const StreamRow row = read_stream_row(database, stream);
    Statement& select = database.statement("SELECT " + std::string(kMessageColumns) + " FROM " +
                                           messages_table(row.id) + " WHERE sequence = ?");
    Messages messages;
    messages.reserve(sequences.size());
    for (const std::uint64_t sequence : sequences) {
      messages.push_back(first_alive(select.query(sequence), row.max_age, now));
    }
    return messages;
  });
  if (!results) return Messages(sequences.size(), results.error());
  return std::move(*results);
}

// The index is made by whoever needs it first: a bulk stream that nobody looks into does without.
Result<void> SqliteAdmin::index_subjects(std::string_view stream) {
  const auto has_index = store_.reads().read(
      [&](Database& database) { return has_subject_index(database, read_stream_row(database, stream).id); });
  if (!has_index) return has_index.error();
  if (*has_index) return {};
  return store_.write(Durability::kProcess, [&](Transaction& transaction) {
    transaction.catalog.index_subjects(transaction.catalog.stream(stream));
  });
}

std::vector<Result<std::optional<StoredMessage>>> SqliteAdmin::read_last(std::string_view stream,
                                                                         std::span<const std::string> subjects) {
  if (subjects.empty()) return {};
  if (auto indexed = index_subjects(stream); !indexed) return Messages(subjects.size(), indexed.error());
  const SystemTime now = store_.clock().now();
  auto results = store_.reads().read([&](Database& database) {
    const StreamRow row = read_stream_row(database, stream);
    Statement& select =
        database.statement("SELECT " + std::string(kMessageColumns) + " FROM " + messages_table(row.id) +
                           " WHERE subject = ? ORDER BY sequence DESC LIMIT 1");
    Messages messages;
    messages.reserve(subjects.size());
    for (const std::string& subject : subjects) {
      auto valid = check_subject(subject);
      messages.push_back(valid ? first_alive(select.query(std::string_view(subject)), row.max_age, now)
                               : Result<std::optional<StoredMessage>>(valid.error()));
    }
    return messages;
  });
  if (!results) return Messages(subjects.size(), results.error());
  return std::move(*results);
}

std::vector<Result<bool>> SqliteAdmin::remove(std::string_view stream, std::span<const std::uint64_t> sequences) {
  if (sequences.empty()) return {};
  std::vector<Result<bool>> results;
  auto done = store_.write(Durability::kCommitted, [&](Transaction& transaction) {
    results.clear();
    results.reserve(sequences.size());
    StreamState& state = transaction.catalog.stream(stream);
    StreamStore messages(transaction, state, store_.clock().now());
    for (const std::uint64_t sequence : sequences) results.emplace_back(messages.remove(sequence));
    transaction.wake(state.topic);
  });
  if (!done) return std::vector<Result<bool>>(sequences.size(), done.error());
  return results;
}

Result<std::uint64_t> SqliteAdmin::purge(std::string_view stream, std::string_view filter) {
  if (auto valid = check_filter(filter); !valid) return valid.error();
  if (auto swept = sweep_expired(stream); !swept) return swept.error();
  const SubjectFilter selected{std::string(filter)};
  std::uint64_t total = 0;
  std::uint64_t last = 0;
  std::uint64_t reached = 0;
  for (bool more = true; more;) {
    std::uint64_t removed = 0;
    std::uint64_t after = reached;
    auto done = store_.write(Durability::kCommitted, [&](Transaction& transaction) {
      after = reached;
      StreamState& state = transaction.catalog.stream(stream);
      if (last == 0) last = state.last_sequence;
      removed = StreamStore(transaction, state, store_.clock().now()).purge(selected, after, kPurgePortion);
      transaction.wake(state.topic);
    });
    if (!done) return done.error();
    total += removed;
    reached = after;
    more = removed == kPurgePortion && reached < last;
  }
  return total;
}

Result<void> SqliteAdmin::delete_stream(std::string_view stream) {
  return store_.write(Durability::kCommitted, [&](Transaction& transaction) {
    StreamState& state = transaction.catalog.stream(stream);
    transaction.wake(state.topic);
    transaction.catalog.delete_stream(state);
  });
}

Result<void> SqliteAdmin::delete_consumer(std::string_view stream, std::string_view consumer) {
  return store_.write(Durability::kCommitted, [&](Transaction& transaction) {
    StreamState& state = transaction.catalog.stream(stream);
    transaction.wake(state.topic);
    transaction.catalog.delete_consumer(state, consumer);
  });
}

}  // namespace leat::sqlite
