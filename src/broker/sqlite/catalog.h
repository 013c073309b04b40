// What the write transactions know of streams, subscriptions and buckets: read from the file once, changed in memory,
// written back before each commit.
//
// Another process's commit makes it all stale, as a rollback does: then forget_all() and it is read again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "broker/sqlite/database.h"
#include "broker/sqlite/subject_filter.h"
#include "leat/broker.h"

namespace leat::sqlite {

struct ConsumerState {
  std::int64_t id = 0;
  std::string name;
  SubjectFilter filter;
  Duration ack_wait{0};
  std::uint64_t max_unsettled = 0;
  std::uint64_t cursor = 0;  // the last sequence that was delivered or passed over
  std::uint64_t stored_cursor = 0;
  std::uint64_t claimed = 0;     // messages that are leased by their claim alone (lease_store.h)
  std::uint64_t leased = 0;      // rows in `leases`
  std::uint64_t deliveries = 0;  // ever made
  bool changed = false;

  std::uint64_t unsettled() const { return claimed + leased; }
};

struct StreamState {
  std::int64_t id = 0;
  StreamConfig config;
  std::uint64_t last_sequence = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  bool subject_index = false;
  bool changed = false;
  std::size_t topic = 0;
  std::map<std::string, ConsumerState, std::less<>> consumers;

  bool is_work_queue() const { return config.retention == Retention::kWorkQueue; }
};

struct BucketState {
  std::int64_t id = 0;
  std::string name;
  Duration ttl{0};
  std::uint64_t revision = 0;
  std::uint64_t pruned = 0;  // the highest revision of an erasure that is no longer kept
  std::uint64_t tombstones = 0;
  bool changed = false;
  std::size_t topic = 0;
};

// Nanoseconds since 1970, the form in which the file keeps times.
std::int64_t to_stored(SystemTime time);
SystemTime from_stored(std::int64_t nanoseconds);

// Not thread-safe: belongs to the write connection. References live until forget_all() or the thing's deletion.
// Everything throws DatabaseError; what is not there throws a plain Error (kNotFound).
class Catalog {
 public:
  explicit Catalog(Database& database) : database_(database) {}

  StreamState* find_stream(std::string_view name);
  StreamState& stream(std::string_view name);
  // The stream and subscription that an opened handle belongs to; kNotFound when they were deleted since.
  StreamState& stream(std::string_view name, std::int64_t id);
  ConsumerState& consumer(StreamState& stream, std::string_view name, std::int64_t id);
  BucketState* find_bucket(std::string_view name);
  BucketState& bucket(std::string_view name);

  // Kept as asked for; the caller has checked them.
  void create_stream(const StreamConfig& config, SystemTime now);
  ConsumerState& create_consumer(StreamState& stream, const ConsumerConfig& config, std::uint64_t cursor);
  void create_bucket(const BucketConfig& config);
  void delete_stream(StreamState& stream);
  void delete_consumer(StreamState& stream, std::string_view name);
  void index_subjects(StreamState& stream);

  // The stream whose subjects overlap these; empty when there is none.
  std::string overlapping_stream(const std::vector<std::string>& subjects);

  void write_back();
  void forget_all();

 private:
  StreamState* load_stream(std::string_view name);
  void load_consumers(StreamState& stream);
  void write_back(StreamState& stream);
  void delete_leases(std::int64_t consumer);

  Database& database_;
  std::map<std::string, StreamState, std::less<>> streams_;
  std::map<std::string, BucketState, std::less<>> buckets_;
};

// The stream that `name` names, as a reading connection sees it; kNotFound (plain Error) when there is none.
struct StreamRow {
  std::int64_t id = 0;
  SystemTime created{};
  std::vector<std::string> subjects;
  Duration max_age{0};
  std::uint64_t last_sequence = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};
StreamRow read_stream_row(Database& database, std::string_view name);

[[noreturn]] void throw_not_found(std::string_view kind, std::string_view name);

}  // namespace leat::sqlite
