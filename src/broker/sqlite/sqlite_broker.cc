#include "leat/sqlite_broker.h"

#include <utility>

#include "broker/config_checks.h"
#include "broker/sqlite/sqlite_admin.h"
#include "broker/sqlite/sqlite_consumer.h"
#include "broker/sqlite/sqlite_key_value.h"
#include "broker/sqlite/sqlite_reader.h"
#include "broker/sqlite/store.h"
#include "broker/sqlite/stream_store.h"

namespace leat {
namespace sqlite {
namespace {

class SqliteBroker : public Broker {
 public:
  SqliteBroker(std::unique_ptr<Store> store, SqliteOptions::Sync sync)
      : store_(std::move(store)), admin_(*store_), capabilities_(describe(sync)) {}

  Result<EnsureResult> ensure_stream(const StreamConfig& config) override;
  std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests) override;
  Result<std::unique_ptr<Consumer>> open_consumer(const ConsumerConfig& config) override {
    return SqliteConsumer::open(*store_, config);
  }
  Result<std::unique_ptr<Reader>> open_reader(const ReaderConfig& config) override {
    return SqliteReader::open(*store_, config);
  }
  Result<std::unique_ptr<KeyValue>> open_bucket(const BucketConfig& config) override {
    return SqliteKeyValue::open(*store_, config);
  }
  BrokerAdmin& admin() override { return admin_; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Clock& clock() override { return store_->clock(); }

 private:
  static Capabilities describe(SqliteOptions::Sync sync) {
    return {.name = "sqlite",
            .version = library_version(),
            .durability = sync == SqliteOptions::Sync::kFull ? "fsync" : "process crash",
            .fenced_settle = true,
            .answers_get_lost = false,
            .max_message_bytes = kMaxMessageBytes};
  }

  const std::unique_ptr<Store> store_;
  SqliteAdmin admin_;
  const Capabilities capabilities_;
};

Result<EnsureResult> SqliteBroker::ensure_stream(const StreamConfig& config) {
  if (auto valid = check_stream_config(config); !valid) return valid.error();
  EnsureResult result;
  auto done = store_->write(Durability::kCommitted, [&](Transaction& transaction) {
    result = {};
    if (const StreamState* existing = transaction.catalog.find_stream(config.name)) {
      result.drift = compare_streams(config, existing->config);
      return;
    }
    const std::string other = transaction.catalog.overlapping_stream(config.subjects);
    if (!other.empty()) {
      throw Error(ErrorCode::kConflict,
                  "stream \"" + config.name + "\": its subjects overlap those of stream \"" + other + "\"");
    }
    transaction.catalog.create_stream(config, store_->clock().now());
    result.created = true;
  });
  if (!done) return done.error();
  return result;
}

std::vector<Result<Appended>> SqliteBroker::append(std::string_view stream, std::span<const AppendRequest> requests) {
  // Checked before the queue, where the callers work side by side.
  std::vector<std::optional<Error>> invalid(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (auto valid = check_message(requests[i].message, kMaxMessageBytes); !valid) invalid[i] = valid.error();
  }
  std::vector<Result<Appended>> results;
  auto done = store_->write(Durability::kCommitted, [&](Transaction& transaction) {
    results.clear();
    results.reserve(requests.size());
    StreamState& state = transaction.catalog.stream(stream);
    StreamStore messages(transaction, state, store_->clock().now());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      results.push_back(invalid[i] ? Result<Appended>(*invalid[i]) : messages.append(requests[i]));
    }
    messages.apply_limits();
    transaction.wake(state.topic);
  });
  if (!done) return std::vector<Result<Appended>>(requests.size(), done.error());
  return results;
}

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<Broker>> open_sqlite_broker(const std::string& path, const SqliteOptions& options) {
  auto store = sqlite::Store::open(path, options);
  if (!store) return store.error();
  return std::make_unique<sqlite::SqliteBroker>(*std::move(store), options.sync);
}

}  // namespace leat
