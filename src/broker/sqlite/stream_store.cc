#include "broker/sqlite/stream_store.h"

#include <vector>

#include "broker/config_checks.h"
#include "broker/message_size.h"
#include "broker/sqlite/lease_store.h"
#include "broker/sqlite/message_row.h"
#include "broker/sqlite/schema.h"

namespace leat::sqlite {
namespace {

// How much an append clears away beside its own work, at least: old leftovers go in small portions.
constexpr std::uint64_t kPortion = 64;

Error conflict(const AppendRequest& request, std::uint64_t last) {
  return {ErrorCode::kConflict, "the newest message under \"" + request.message.subject + "\" is " +
                                    std::to_string(last) + ", expected " + std::to_string(*request.expected_last)};
}

}  // namespace

StreamStore::StreamStore(Transaction& transaction, StreamState& stream, SystemTime now)
    : transaction_(transaction),
      stream_(stream),
      now_(now),
      messages_(messages_table(stream.id)),
      ids_(ids_table(stream.id)) {}

Statement& StreamStore::sql(std::string_view before, std::string_view after) {
  std::string text(before);
  text += messages_;
  text += after;
  return transaction_.database.statement(text);
}

Result<Appended> StreamStore::append(const AppendRequest& request) {
  if (auto storable = check_storable(request); !storable) return storable.error();
  if (!request.message_id.empty()) {
    if (const std::uint64_t first = find_id(request.message_id); first != 0) {
      return Appended{.sequence = first, .duplicate = true};
    }
  }
  if (request.expected_last) {
    const std::uint64_t last = last_of(request.message.subject);
    if (last != *request.expected_last) return conflict(request, last);
  }
  const std::uint64_t sequence = store(request);
  const bool is_first = request.expected_last == 0;  // found above: there is nothing that could be over the limit
  if (stream_.config.max_messages_per_subject > 0 && !is_first) limit_subject(request.message.subject);
  return Appended{.sequence = sequence};
}

Result<void> StreamStore::check_storable(const AppendRequest& request) {
  const std::string& subject = request.message.subject;
  if (subject != checked_subject_) {
    if (!any_matches(stream_.config.subjects, subject)) {
      return Error(ErrorCode::kInvalidArgument,
                   "subject \"" + subject + "\" is none of stream \"" + stream_.config.name + "\"");
    }
    checked_subject_ = subject;
  }
  if (stream_.config.max_bytes > 0 && size_of(request.message) > stream_.config.max_bytes) {
    return Error(ErrorCode::kFull, "the message under \"" + subject + "\" alone is over max_bytes of stream \"" +
                                       stream_.config.name + "\"");
  }
  return {};
}

std::uint64_t StreamStore::find_id(std::string_view id) {
  const std::int64_t window_begin = to_stored(now_ - stream_.config.dedupe_window);
  Rows row = transaction_.database
                 .statement("SELECT sequence FROM " + ids_ + " WHERE id = ? AND time > ? ORDER BY sequence LIMIT 1")
                 .query(id, window_begin);
  return row.next() ? row.number(0) : 0;
}

std::uint64_t StreamStore::last_of(std::string_view subject) {
  transaction_.catalog.index_subjects(stream_);
  Rows row = sql("SELECT sequence, time FROM ", " WHERE subject = ? ORDER BY sequence DESC LIMIT 1").query(subject);
  if (!row.next() || is_expired(row.integer(1), stream_.config.max_age, now_)) return 0;
  return row.number(0);
}

std::uint64_t StreamStore::store(const AppendRequest& request) {
  if (insert_ == nullptr) {
    insert_ = &sql("INSERT INTO ", "(sequence, time, subject, headers, payload) VALUES(?, ?, ?, ?, ?)");
  }
  const Message& message = request.message;
  const std::uint64_t sequence = ++stream_.last_sequence;
  const std::int64_t time = to_stored(now_);
  insert_->run(sequence, time, message.subject, Blob{message.headers.encoded()}, Blob{message.payload});
  if (!request.message_id.empty()) {
    transaction_.database.statement("INSERT INTO " + ids_ + "(sequence, time, id) VALUES(?, ?, ?)")
        .run(sequence, time, request.message_id);
    ++stored_ids_;
  }
  ++stream_.messages;
  stream_.bytes += size_of(message);
  stream_.changed = true;
  return sequence;
}

void StreamStore::limit_subject(std::string_view subject) {
  transaction_.catalog.index_subjects(stream_);
  std::vector<Row> over;
  {
    Rows row = sql("SELECT sequence, " + std::string(kSizeColumn) + " FROM ",
                   " WHERE subject = ? ORDER BY sequence DESC LIMIT ? OFFSET ?")
                   .query(subject, kPortion, stream_.config.max_messages_per_subject);
    while (row.next()) over.push_back({row.number(0), std::string(subject), row.number(1)});
  }
  for (const Row& row : over) drop(row);
}

void StreamStore::apply_limits() {
  sweep_expired(kPortion);
  limit_stream();
  forget_ids();
}

void StreamStore::limit_stream() {
  const StreamConfig& config = stream_.config;
  const auto is_over = [&] {
    return (config.max_messages > 0 && stream_.messages > config.max_messages) ||
           (config.max_bytes > 0 && stream_.bytes > config.max_bytes);
  };
  std::uint64_t after = 0;
  while (is_over()) {
    std::vector<Row> oldest;
    {
      Rows row = sql("SELECT sequence, subject, " + std::string(kSizeColumn) + " FROM ",
                     " WHERE sequence > ? ORDER BY sequence LIMIT ?")
                     .query(after, kPortion);
      while (row.next()) oldest.push_back({row.number(0), row.string(1), row.number(2)});
    }
    if (oldest.empty()) return;
    for (auto row = oldest.begin(); row != oldest.end() && is_over(); ++row) drop(*row);
    after = oldest.back().sequence;
  }
}

bool StreamStore::sweep_expired(std::uint64_t most) {
  if (stream_.config.max_age == Duration{0}) return false;
  std::vector<Row> expired;
  {
    Rows row = sql("SELECT sequence, subject, " + std::string(kSizeColumn) + ", time FROM ",
                   " WHERE sequence > 0 ORDER BY sequence LIMIT ?")
                   .query(most);
    while (row.next() && is_expired(row.integer(3), stream_.config.max_age, now_)) {
      expired.push_back({row.number(0), row.string(1), row.number(2)});
    }
  }
  for (const Row& row : expired) drop(row);
  return expired.size() == most;
}

// Twice as many as were stored, so that none pile up.
void StreamStore::forget_ids() {
  if (stored_ids_ == 0) return;
  transaction_.database
      .statement("DELETE FROM " + ids_ + " WHERE sequence IN (SELECT sequence FROM (SELECT sequence, time FROM " +
                 ids_ + " ORDER BY sequence LIMIT ?) WHERE time <= ?)")
      .run(2 * stored_ids_, to_stored(now_ - stream_.config.dedupe_window));
}

bool StreamStore::remove(std::uint64_t sequence) {
  Row found;
  {
    Rows row = sql("SELECT sequence, subject, " + std::string(kSizeColumn) + ", time FROM ", " WHERE sequence = ?")
                   .query(sequence);
    if (!row.next() || is_expired(row.integer(3), stream_.config.max_age, now_)) return false;
    found = {row.number(0), row.string(1), row.number(2)};
  }
  drop(found);
  return true;
}

std::uint64_t StreamStore::purge(const SubjectFilter& filter, std::uint64_t& after, std::uint64_t most) {
  std::vector<Row> selected;
  {
    Statement& select = sql("SELECT sequence, subject, " + std::string(kSizeColumn) + " FROM ",
                            " WHERE sequence > ?1" + condition_of(filter, Walk::kSequences) +
                                " AND sequence <= ?6 ORDER BY sequence LIMIT ?5");
    Rows row = query_filtered(select, filter, after, most, stream_.last_sequence);
    while (row.next()) selected.push_back({row.number(0), row.string(1), row.number(2)});
  }
  for (const Row& row : selected) drop(row);
  after = selected.empty() ? stream_.last_sequence : selected.back().sequence;
  return selected.size();
}

void StreamStore::drop(const Row& row) {
  release_leases(row);
  sql("DELETE FROM ", " WHERE sequence = ?").run(row.sequence);
  --stream_.messages;
  stream_.bytes -= row.size;
  stream_.changed = true;
}

void StreamStore::release_leases(const Row& row) {
  for (auto& [name, consumer] : stream_.consumers) {
    if (consumer.unsettled() == 0 || row.sequence > consumer.cursor || !consumer.filter.matches(row.subject)) continue;
    LeaseStore(transaction_, stream_, consumer, now_).forget(row.sequence);
  }
}

}  // namespace leat::sqlite
