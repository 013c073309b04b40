// Reads a stream of the file in order, each call in a snapshot of its own.
#pragma once

#include "broker/sqlite/store.h"
#include "broker/sqlite/subject_filter.h"

namespace leat::sqlite {

class SqliteReader : public Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(Store& store, const ReaderConfig& config);

  Result<std::vector<StoredMessage>> read(const ReadOptions& options, std::stop_token stop) override;

 private:
  SqliteReader(Store& store, ReaderConfig config, std::int64_t stream_id);

  std::vector<StoredMessage> collect(Database& database, const ReadOptions& options);
  void skip_to_time(Database& database, std::int64_t stream, std::uint64_t last_sequence);

  Store& store_;
  const ReaderConfig config_;
  const SubjectFilter filter_;
  const std::int64_t stream_id_;
  const std::size_t topic_;
  std::uint64_t position_;               // the last sequence that was read or passed over
  std::optional<SystemTime> from_time_;  // until the first message at or after it was seen
};

}  // namespace leat::sqlite
