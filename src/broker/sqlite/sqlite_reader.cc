#include "broker/sqlite/sqlite_reader.h"

#include <algorithm>
#include <utility>

#include "broker/config_checks.h"
#include "broker/message_size.h"
#include "broker/sqlite/message_row.h"
#include "broker/sqlite/schema.h"

namespace leat::sqlite {

Result<std::unique_ptr<Reader>> SqliteReader::open(Store& store, const ReaderConfig& config) {
  if (auto valid = check_reader_config(config); !valid) return valid.error();
  auto id = store.reads().read([&](Database& database) { return read_stream_row(database, config.stream).id; });
  if (!id) return id.error();
  return std::unique_ptr<Reader>(new SqliteReader(store, config, *id));
}

SqliteReader::SqliteReader(Store& store, ReaderConfig config, std::int64_t stream_id)
    : store_(store),
      config_(std::move(config)),
      filter_(config_.filter),
      stream_id_(stream_id),
      topic_(Wake::topic_of("stream", config_.stream)),
      position_(config_.from_sequence - std::min<std::uint64_t>(config_.from_sequence, 1)),
      from_time_(config_.from_time) {}

Result<std::vector<StoredMessage>> SqliteReader::read(const ReadOptions& options, std::stop_token stop) {
  if (auto valid = check_read_options(options); !valid) return valid.error();
  const SteadyTime deadline = deadline_after(store_.clock(), bounded_wait(options.max_wait));
  while (!stop.stop_requested()) {
    const std::uint32_t seen = store_.wake().version(topic_);
    auto found = store_.reads().read([&](Database& database) { return collect(database, options); });
    if (!found || !found->empty() || !config_.follow || store_.clock().steady() >= deadline) return found;
    store_.wait(topic_, seen, deadline, stop);
  }
  return std::vector<StoredMessage>{};
}

std::vector<StoredMessage> SqliteReader::collect(Database& database, const ReadOptions& options) {
  const StreamRow stream = read_stream_row(database, config_.stream);
  if (stream.id != stream_id_) {
    throw Error(ErrorCode::kNotFound, "stream \"" + config_.stream + "\" was deleted");
  }
  const SystemTime now = store_.clock().now();
  const std::uint64_t last =
      config_.last_sequence == 0 ? stream.last_sequence : std::min(stream.last_sequence, config_.last_sequence);
  if (from_time_) skip_to_time(database, stream.id, stream.last_sequence);
  std::vector<StoredMessage> out;
  const std::string_view columns = config_.headers_only ? kHeadColumns : kMessageColumns;
  Rows row = query_filtered(database.statement("SELECT " + std::string(columns) + " FROM " + messages_table(stream.id) +
                                               " WHERE sequence > ?1 AND sequence <= ?5" +
                                               condition_of(filter_, Walk::kSequences) + " ORDER BY sequence LIMIT ?6"),
                            filter_, position_, last, stream.messages);
  std::uint64_t position = position_;
  std::size_t bytes = 0;
  const auto has_room = [&] { return out.size() < options.max_count && bytes < options.max_bytes; };
  while (has_room() && row.next()) {
    position = row.number(0);
    if (is_expired(row.integer(1), stream.max_age, now)) continue;
    out.push_back(message_of(row));
    bytes += size_of(out.back());
  }
  position_ = has_room() ? std::max(position, last) : position;
  return out;
}

void SqliteReader::skip_to_time(Database& database, std::int64_t stream, std::uint64_t last_sequence) {
  const std::uint64_t cursor = cursor_before(database, stream, *from_time_, last_sequence);
  position_ = std::max(position_, cursor);
  if (cursor < last_sequence) from_time_.reset();
}

}  // namespace leat::sqlite
