// Looks into the streams of the file and changes single messages.
#pragma once

#include "broker/sqlite/store.h"
#include "leat/broker_admin.h"

namespace leat::sqlite {

class SqliteAdmin : public BrokerAdmin {
 public:
  explicit SqliteAdmin(Store& store) : store_(store) {}

  Result<StreamFacts> stream(std::string_view stream, std::string_view filter) override;
  Result<std::vector<ConsumerFacts>> consumers(std::string_view stream) override;
  Result<std::optional<StoredMessage>> read(std::string_view stream, std::uint64_t sequence) override;
  Result<std::optional<StoredMessage>> read_last(std::string_view stream, std::string_view subject) override;
  Result<bool> remove(std::string_view stream, std::uint64_t sequence) override;
  Result<std::uint64_t> purge(std::string_view stream, std::string_view filter) override;
  Result<void> delete_stream(std::string_view stream) override;
  Result<void> delete_consumer(std::string_view stream, std::string_view consumer) override;

 private:
  Result<void> sweep_expired(std::string_view stream);
  Result<void> index_subjects(std::string_view stream);
  std::optional<StoredMessage> read_one(Database& database, const std::string& sql, std::string_view subject,
                                        std::uint64_t sequence, Duration max_age);

  Store& store_;
};

}  // namespace leat::sqlite
