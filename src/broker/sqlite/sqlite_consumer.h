// A durable subscription of a stream in the file.
#pragma once

#include <string>

#include "broker/sqlite/lease_store.h"
#include "broker/sqlite/store.h"

namespace leat::sqlite {

class SqliteConsumer : public Consumer {
 public:
  // Creates the subscription when it is missing.
  static Result<std::unique_ptr<Consumer>> open(Store& store, const ConsumerConfig& config);

  Result<std::vector<Delivery>> fetch(const FetchOptions& options, std::stop_token stop) override;
  std::vector<Result<void>> settle(std::span<const Settlement> settlements) override;
  // Nothing is ever held ahead: a fetch costs no round trip.
  void release_ahead() override {}
  Duration ack_wait() const override { return ack_wait_; }
  const std::vector<Drift>& drift() const override { return drift_; }
  std::vector<Result<void>> extend(std::span<const Lease> leases) override;

 private:
  struct Identity {
    std::string stream;
    std::int64_t stream_id = 0;
    std::string name;
    std::int64_t id = 0;
    std::size_t topic = 0;
  };

  SqliteConsumer(Store& store, Identity identity, Duration ack_wait, std::vector<Drift> drift)
      : store_(store), identity_(std::move(identity)), ack_wait_(ack_wait), drift_(std::move(drift)) {}

  Result<Claimed> claim(std::size_t max_count);
  SteadyTime next_look(const Claimed& claimed, SteadyTime deadline) const;
  // Runs `body(leases, stream, consumer)` in a write transaction.
  template <class Body>
  Result<void> with_leases(Durability durability, Body body);

  Store& store_;
  const Identity identity_;
  const Duration ack_wait_;
  const std::vector<Drift> drift_;
};

}  // namespace leat::sqlite
