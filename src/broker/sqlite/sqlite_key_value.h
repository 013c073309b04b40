// A bucket of the file.
#pragma once

#include <string>

#include "broker/sqlite/record_store.h"
#include "broker/sqlite/store.h"

namespace leat::sqlite {

class SqliteKeyValue : public KeyValue {
 public:
  // Creates the bucket when it is missing.
  static Result<std::unique_ptr<KeyValue>> open(Store& store, const BucketConfig& config);

  std::vector<Result<std::optional<KeyEntry>>> read(std::span<const std::string> keys) override;
  std::vector<Result<std::uint64_t>> write(std::span<const KeyWrite> writes) override;
  Result<std::vector<KeyEntry>> list(std::string_view prefix) override;
  Result<std::unique_ptr<KeyWatch>> watch(std::string_view prefix) override;
  const std::vector<Drift>& drift() const override { return drift_; }

 private:
  SqliteKeyValue(Store& store, const BucketConfig& config, std::int64_t id, Duration ttl);

  std::optional<KeyEntry> find(Database& database, const std::string& key) const;
  void collect(Database& database, const std::string& low, const std::string& high,
               std::vector<KeyEntry>& entries) const;

  Store& store_;
  const std::string name_;
  const std::int64_t id_;
  const Duration ttl_;
  const std::vector<Drift> drift_;
};

}  // namespace leat::sqlite
