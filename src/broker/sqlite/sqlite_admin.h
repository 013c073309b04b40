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
  std::vector<Result<std::optional<StoredMessage>>> read(std::string_view stream,
                                                         std::span<const std::uint64_t> sequences) override;
  std::vector<Result<std::optional<StoredMessage>>> read_last(std::string_view stream,
                                                              std::span<const std::string> subjects) override;
  std::vector<Result<bool>> remove(std::string_view stream, std::span<const std::uint64_t> sequences) override;
  Result<std::uint64_t> purge(std::string_view stream, std::string_view filter) override;
  Result<void> delete_stream(std::string_view stream) override;
  Result<void> delete_consumer(std::string_view stream, std::string_view consumer) override;

 private:
  Result<void> sweep_expired(std::string_view stream);
  Result<void> index_subjects(std::string_view stream);

  Store& store_;
};

}  // namespace leat::sqlite
