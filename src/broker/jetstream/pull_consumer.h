// A durable subscription as a stream of leased deliveries: overlapping pull requests on one long-lived inbox.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "broker/jetstream/pull_accounting.h"
#include "broker/jetstream/pull_status.h"
#include "broker/jetstream/session.h"
#include "broker/jetstream/settler.h"
#include "leat/consumer.h"
#include "nats/subscription.h"

namespace leat::jetstream {

// Thread-safe. The session must outlive it. It pulls on the connection that settles in blocks, too: a second one
// between two programs on the same cores costs a twentieth of the throughput.
class PullConsumer : public Consumer, private nats::MessageSink, private nats::ConnectionListener {
 public:
  PullConsumer(Session& session, std::string stream, std::string name, Duration ack_wait, std::vector<Drift> drift);
  ~PullConsumer() override;

  Result<std::vector<Delivery>> fetch(const FetchOptions& options, std::stop_token stop) override;
  std::vector<Result<void>> settle(std::span<const Settlement> settlements) override;
  void release_ahead() override;
  Duration ack_wait() const override { return ack_wait_; }
  const std::vector<Drift>& drift() const override { return drift_; }
  std::vector<Result<void>> extend(std::span<const Lease> leases) override;

 private:
  // One call of fetch.
  struct Demand {
    const FetchOptions& options;
    SteadyTime deadline;  // for the first delivery
    std::uint64_t releases;
    bool pulled = false;  // at least once, however short max_wait is
  };

  void on_message(nats::Received message) override;
  void on_disconnected() override;
  void on_reconnected() override;
  void on_closed() override;
  void on_pace();

  Result<void> wait_for_messages(Demand& demand, const std::stop_token& stop) LEAT_REQUIRES(mutex_);
  bool is_served(const Demand& demand) const LEAT_REQUIRES(mutex_);
  bool is_over(const Demand& demand, const std::stop_token& stop) const LEAT_REQUIRES(mutex_);
  SteadyTime next_look(const Demand& demand) const LEAT_REQUIRES(mutex_);
  Result<void> read_statuses() LEAT_REQUIRES(mutex_);
  Result<void> read_status(const PullStatus& status) LEAT_REQUIRES(mutex_);
  Result<void> check_permission() LEAT_REQUIRES(mutex_);
  Result<void> check_health() LEAT_REQUIRES(mutex_);
  Result<void> check_existence() LEAT_REQUIRES(mutex_);
  Result<void> keep_pulling(Demand& demand) LEAT_REQUIRES(mutex_);
  Result<void> pull(std::size_t count, Demand& demand) LEAT_REQUIRES(mutex_);
  Result<void> subscribe() LEAT_REQUIRES(mutex_);
  void pause() LEAT_REQUIRES(mutex_);
  void drop_old() LEAT_REQUIRES(mutex_);
  std::vector<nats::Received> take(std::size_t most) LEAT_REQUIRES(mutex_);
  void distrust_counts() LEAT_REQUIRES(mutex_);
  void flag_unsure(std::vector<Delivery>& deliveries) LEAT_EXCLUDES(mutex_);
  Error not_found() const;
  Error lost() const;

  Session& session_;
  Clock& clock_;
  const std::string stream_;
  const std::string name_;
  const Duration ack_wait_;
  const std::vector<Drift> drift_;
  const std::string pull_subject_;

  Mutex mutex_;
  CondVar changed_;
  int waiting_ LEAT_GUARDED_BY(mutex_) = 0;
  std::string inbox_ LEAT_GUARDED_BY(mutex_);  // with a dot at the end
  std::unique_ptr<nats::Subscription> subscription_ LEAT_GUARDED_BY(mutex_);
  struct Held {
    nats::Received message;
    SteadyTime since;  // when it came
  };
  std::deque<Held> held_ LEAT_GUARDED_BY(mutex_);  // deliveries that no fetch has returned yet
  SteadyTime renewed_ LEAT_GUARDED_BY(mutex_){};   // when what had come by then was last renewed
  std::vector<nats::Received> statuses_ LEAT_GUARDED_BY(mutex_);
  PullAccounting pulls_ LEAT_GUARDED_BY(mutex_);
  bool connected_ LEAT_GUARDED_BY(mutex_) = true;
  bool suspicious_ LEAT_GUARDED_BY(mutex_) = false;  // the consumer may be gone: ask before the next pull
  SteadyTime heard_ LEAT_GUARDED_BY(mutex_){};       // the last time that anything came
  SteadyTime not_before_ LEAT_GUARDED_BY(mutex_){};  // no pull until then
  std::uint64_t releases_ LEAT_GUARDED_BY(mutex_) = 0;
  std::size_t unsure_left_ LEAT_GUARDED_BY(mutex_) = 0;  // so many first deliveries may be none
  SystemTime unsure_before_ LEAT_GUARDED_BY(mutex_){};   // if they are of messages that were stored before this
  std::uint64_t refusals_ LEAT_GUARDED_BY(mutex_);       // of the connection, as far as they were looked at
  SettlePace pace_;                                      // its calls use the mutex
  Settler settler_;
};

// The delivery that a pulled message is; empty when it is none.
std::optional<Delivery> to_delivery(const nats::Received& message);

}  // namespace leat::jetstream
