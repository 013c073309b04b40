// Records in a bucket's stream. Reading asks the stream's leader; writing is an append with an expectation.
#pragma once

#include <set>

#include "broker/jetstream/bucket.h"
#include "broker/jetstream/ordered_pull.h"
#include "broker/jetstream/publisher.h"
#include "leat/key_value.h"

namespace leat::jetstream {

class JetStreamKeyValue : public KeyValue {
 public:
  JetStreamKeyValue(Session& session, Publisher& publisher, std::string_view bucket, std::vector<Drift> drift)
      : session_(session), publisher_(publisher), names_(bucket), drift_(std::move(drift)) {}

  std::vector<Result<std::optional<KeyEntry>>> read(std::span<const std::string> keys) override;
  std::vector<Result<std::uint64_t>> write(std::span<const KeyWrite> writes) override;
  Result<std::vector<KeyEntry>> list(std::string_view prefix) override;
  Result<std::unique_ptr<KeyWatch>> watch(std::string_view prefix) override;
  const std::vector<Drift>& drift() const override { return drift_; }

 private:
  bool is_empty();
  void write_distinct(std::span<const KeyWrite> writes, std::vector<Result<std::uint64_t>>& results);
  Result<Appended> write_over_erased(const AppendRequest& request, Error conflict);
  Result<std::vector<KeyEntry>> list_below(std::string_view prefix);

  Session& session_;
  Publisher& publisher_;
  const BucketNames names_;
  const std::vector<Drift> drift_;
};

// Follows a bucket through an ordered consumer. The session must outlive it.
class JetStreamKeyWatch : public KeyWatch {
 public:
  JetStreamKeyWatch(Session& session, const BucketNames& names, std::string_view prefix);

  Result<std::vector<KeyEntry>> next(std::chrono::milliseconds max_wait, std::stop_token stop) override;
  bool caught_up() const override { return caught_up_; }

 private:
  bool matters(const KeyEntry& entry);

  Session& session_;
  const BucketNames names_;
  const std::string prefix_;
  OrderedPull pull_;
  bool caught_up_ = false;
  std::set<std::string> returned_;  // records, while it catches up
};

}  // namespace leat::jetstream
