#include "broker/sqlite/catalog.h"

#include <sstream>
#include <utility>

#include "broker/config_checks.h"
#include "broker/sqlite/schema.h"
#include "broker/sqlite/wake.h"

namespace leat::sqlite {
namespace {

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

std::vector<std::string> split_lines(std::string text) {
  std::vector<std::string> lines;
  std::istringstream in(std::move(text));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

constexpr std::string_view kSelectStream =
    "SELECT id, created, subjects, retention, storage, max_age, max_messages, max_bytes, max_messages_per_subject,"
    " dedupe_window, replicas, last_sequence, messages, bytes FROM streams WHERE name = ?";

StreamConfig config_of(const Rows& row, std::string_view name) {
  return {.name = std::string(name),
          .subjects = split_lines(row.string(2)),
          .retention = row.integer(3) == 0 ? Retention::kLimits : Retention::kWorkQueue,
          .storage = row.integer(4) == 0 ? Storage::kFile : Storage::kMemory,
          .max_age = Duration(row.integer(5)),
          .max_messages = row.number(6),
          .max_bytes = row.number(7),
          .max_messages_per_subject = row.number(8),
          .dedupe_window = Duration(row.integer(9)),
          .replicas = static_cast<unsigned>(row.integer(10))};
}

}  // namespace

std::int64_t to_stored(SystemTime time) {
  return time.time_since_epoch().count();
}

SystemTime from_stored(std::int64_t nanoseconds) {
  return SystemTime(Duration(nanoseconds));
}

void throw_not_found(std::string_view kind, std::string_view name) {
  throw Error(ErrorCode::kNotFound, "there is no " + std::string(kind) + " \"" + std::string(name) + "\"");
}

StreamState* Catalog::find_stream(std::string_view name) {
  const auto found = streams_.find(name);
  return found != streams_.end() ? &found->second : load_stream(name);
}

StreamState& Catalog::stream(std::string_view name) {
  StreamState* found = find_stream(name);
  if (found == nullptr) throw_not_found("stream", name);
  return *found;
}

StreamState& Catalog::stream(std::string_view name, std::int64_t id) {
  StreamState& found = stream(name);
  if (found.id != id) throw Error(ErrorCode::kNotFound, "stream \"" + std::string(name) + "\" was deleted");
  return found;
}

ConsumerState& Catalog::consumer(StreamState& stream, std::string_view name, std::int64_t id) {
  const auto found = stream.consumers.find(name);
  if (found == stream.consumers.end() || found->second.id != id) {
    throw Error(ErrorCode::kNotFound, "subscription \"" + std::string(name) + "\" was deleted");
  }
  return found->second;
}

StreamState* Catalog::load_stream(std::string_view name) {
  StreamState loaded;
  {
    Rows row = database_.statement(kSelectStream).query(name);
    if (!row.next()) return nullptr;
    loaded.id = row.integer(0);
    loaded.config = config_of(row, name);
    loaded.last_sequence = row.number(11);
    loaded.messages = row.number(12);
    loaded.bytes = row.number(13);
  }
  loaded.topic = Wake::topic_of("stream", name);
  loaded.subject_index = has_subject_index(database_, loaded.id);
  load_consumers(loaded);
  return &streams_.emplace(std::string(name), std::move(loaded)).first->second;
}

void Catalog::load_consumers(StreamState& stream) {
  Rows row = database_
                 .statement(
                     "SELECT id, name, filter, ack_wait, max_unsettled, cursor, claimed, leased, deliveries"
                     " FROM consumers WHERE stream = ?")
                 .query(stream.id);
  while (row.next()) {
    ConsumerState state{.id = row.integer(0),
                        .name = row.string(1),
                        .filter = SubjectFilter(row.string(2)),
                        .ack_wait = Duration(row.integer(3)),
                        .max_unsettled = row.number(4),
                        .cursor = row.number(5),
                        .stored_cursor = row.number(5),
                        .claimed = row.number(6),
                        .leased = row.number(7),
                        .deliveries = row.number(8)};
    stream.consumers.emplace(state.name, std::move(state));
  }
}

BucketState* Catalog::find_bucket(std::string_view name) {
  if (const auto found = buckets_.find(name); found != buckets_.end()) return &found->second;
  Rows row =
      database_.statement("SELECT id, ttl, revision, pruned, tombstones FROM buckets WHERE name = ?").query(name);
  if (!row.next()) return nullptr;
  BucketState loaded{.id = row.integer(0),
                     .name = std::string(name),
                     .ttl = Duration(row.integer(1)),
                     .revision = row.number(2),
                     .pruned = row.number(3),
                     .tombstones = row.number(4),
                     .topic = Wake::topic_of("bucket", name)};
  return &buckets_.emplace(loaded.name, std::move(loaded)).first->second;
}

BucketState& Catalog::bucket(std::string_view name) {
  BucketState* found = find_bucket(name);
  if (found == nullptr) throw_not_found("bucket", name);
  return *found;
}

std::string Catalog::overlapping_stream(const std::vector<std::string>& subjects) {
  Rows row = database_.statement("SELECT name, subjects FROM streams").query();
  while (row.next()) {
    if (any_overlap(subjects, split_lines(row.string(1)))) return row.string(0);
  }
  return {};
}

void Catalog::create_stream(const StreamConfig& config, SystemTime now) {
  database_
      .statement(
          "INSERT INTO streams(name, created, subjects, retention, storage, max_age, max_messages, max_bytes,"
          " max_messages_per_subject, dedupe_window, replicas, last_sequence, messages, bytes)"
          " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)")
      .run(config.name, to_stored(now), join_lines(config.subjects), config.retention == Retention::kLimits ? 0 : 1,
           config.storage == Storage::kFile ? 0 : 1, config.max_age.count(), config.max_messages, config.max_bytes,
           config.max_messages_per_subject, config.dedupe_window.count(), config.replicas);
  create_stream_tables(database_, stream(config.name).id);
}

ConsumerState& Catalog::create_consumer(StreamState& stream, const ConsumerConfig& config, std::uint64_t cursor) {
  database_
      .statement(
          "INSERT INTO consumers(stream, name, filter, ack_wait, max_unsettled, cursor, claimed, leased)"
          " VALUES(?, ?, ?, ?, ?, ?, 0, 0)")
      .run(stream.id, config.name, config.filter, config.ack_wait.count(), config.max_unsettled, cursor);
  ConsumerState state{.id = database_.read_integer("SELECT last_insert_rowid()"),
                      .name = config.name,
                      .filter = SubjectFilter(config.filter),
                      .ack_wait = config.ack_wait,
                      .max_unsettled = config.max_unsettled,
                      .cursor = cursor,
                      .stored_cursor = cursor};
  return stream.consumers.emplace(config.name, std::move(state)).first->second;
}

void Catalog::create_bucket(const BucketConfig& config) {
  database_.statement("INSERT INTO buckets(name, ttl, replicas, revision, pruned, tombstones) VALUES(?, ?, ?, 0, 0, 0)")
      .run(config.name, config.ttl.count(), config.replicas);
  create_bucket_tables(database_, bucket(config.name).id);
}

void Catalog::delete_leases(std::int64_t consumer) {
  database_.statement("DELETE FROM claims WHERE consumer = ?").run(consumer);
  database_.statement("DELETE FROM leases WHERE consumer = ?").run(consumer);
  database_.statement("DELETE FROM consumers WHERE id = ?").run(consumer);
}

void Catalog::delete_stream(StreamState& stream) {
  for (const auto& [name, consumer] : stream.consumers) delete_leases(consumer.id);
  database_.forget(messages_table(stream.id));
  database_.forget(ids_table(stream.id));
  drop_stream_tables(database_, stream.id);
  database_.statement("DELETE FROM streams WHERE id = ?").run(stream.id);
  streams_.erase(streams_.find(stream.config.name));
}

void Catalog::delete_consumer(StreamState& stream, std::string_view name) {
  const auto found = stream.consumers.find(name);
  if (found == stream.consumers.end()) throw_not_found("subscription", name);
  delete_leases(found->second.id);
  stream.consumers.erase(found);
}

void Catalog::index_subjects(StreamState& stream) {
  if (stream.subject_index) return;
  create_subject_index(database_, stream.id);
  stream.subject_index = true;
}

void Catalog::write_back(StreamState& stream) {
  if (std::exchange(stream.changed, false)) {
    database_.statement("UPDATE streams SET last_sequence = ?, messages = ?, bytes = ? WHERE id = ?")
        .run(stream.last_sequence, stream.messages, stream.bytes, stream.id);
  }
  for (auto& [name, consumer] : stream.consumers) {
    if (!std::exchange(consumer.changed, false)) continue;
    database_.statement("UPDATE consumers SET cursor = ?, claimed = ?, leased = ?, deliveries = ? WHERE id = ?")
        .run(consumer.cursor, consumer.claimed, consumer.leased, consumer.deliveries, consumer.id);
    consumer.stored_cursor = consumer.cursor;
  }
}

void Catalog::write_back() {
  for (auto& [name, stream] : streams_) write_back(stream);
  for (auto& [name, bucket] : buckets_) {
    if (!std::exchange(bucket.changed, false)) continue;
    database_.statement("UPDATE buckets SET revision = ?, pruned = ?, tombstones = ? WHERE id = ?")
        .run(bucket.revision, bucket.pruned, bucket.tombstones, bucket.id);
  }
}

void Catalog::forget_all() {
  streams_.clear();
  buckets_.clear();
}

StreamRow read_stream_row(Database& database, std::string_view name) {
  Rows row = database.statement(kSelectStream).query(name);
  if (!row.next()) throw_not_found("stream", name);
  return {.id = row.integer(0),
          .created = from_stored(row.integer(1)),
          .subjects = split_lines(row.string(2)),
          .max_age = Duration(row.integer(5)),
          .last_sequence = row.number(11),
          .messages = row.number(12),
          .bytes = row.number(13)};
}

}  // namespace leat::sqlite
