// Messages of a stream in order, without acks: an ephemeral consumer that is made anew whenever something is missing.
#pragma once

#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/jetstream/ack_subject.h"
#include "broker/jetstream/pull_accounting.h"
#include "broker/jetstream/pull_status.h"
#include "broker/jetstream/session.h"
#include "leat/reader.h"
#include "nats/subscription.h"

namespace leat::jetstream {

struct OrderedConfig {
  std::string stream;
  std::vector<std::string> filters;  // empty: everything; more than one needs a server from 2.10 on
  std::uint64_t from_sequence = 1;
  std::uint64_t last_sequence = std::numeric_limits<std::uint64_t>::max();
  std::optional<SystemTime> from_time{};  // with from_sequence above 1 too, that counts
  enum class Start { kFrom, kLastOfEachSubject } start = Start::kFrom;
  enum class Content { kWhole, kHeaders } content = Content::kWhole;
};

struct OrderedMessage {
  nats::Received message;
  AckSubject position;
};

// What one call returns at most; the message that reaches `bytes` is the last one.
struct Portion {
  std::size_t count;
  std::size_t bytes = ReadOptions{}.max_bytes;
};

// One thread at a time. The session must outlive it.
class OrderedPull : private nats::MessageSink, private nats::ConnectionListener {
 public:
  OrderedPull(Session& session, OrderedConfig config);
  ~OrderedPull() override;

  // Up to `most`, in order of sequence, none twice. Waits until `deadline` for the first one, but not past the
  // end unless `follow`; empty: the end (all that was there when the call began is returned), the deadline or `stop`.
  // Errors: kNotFound (the stream is gone), kUnavailable; either way the next call goes on where this one was.
  enum class AtEnd { kReturn, kFollow };
  Result<std::vector<OrderedMessage>> next(const Portion& most, SteadyTime deadline, AtEnd at_end,
                                           std::stop_token stop);

  // True when nothing was left behind the last message returned, as far as the server said with it.
  bool caught_up() const { return consumer_made_ && pending_ == 0; }

 private:
  void on_message(nats::Received message) override;
  void on_disconnected() override;
  void on_reconnected() override;
  void on_closed() override;

  Result<void> create();
  void abandon();
  nlohmann::json consumer_config(const std::string& name) const;
  std::string call(std::string_view what);  // "CONSUMER.INFO.<stream>.<consumer>"
  Result<bool> ask_for_more();
  Result<void> wait(const Portion& most, SteadyTime deadline, AtEnd at_end, const std::stop_token& stop);
  Result<void> refill(const Portion& most) LEAT_REQUIRES(mutex_);
  bool read_statuses() LEAT_REQUIRES(mutex_);
  std::vector<OrderedMessage> take(const Portion& most) LEAT_REQUIRES(mutex_);
  std::size_t ahead(const Portion& most) const LEAT_REQUIRES(mutex_);
  std::uint64_t sequences_left() const LEAT_REQUIRES(mutex_);
  void learn_size(const nats::Received& message) LEAT_REQUIRES(mutex_);
  Result<void> recover();

  Session& session_;
  Clock& clock_;
  OrderedConfig config_;
  bool consumer_made_ = false;           // there is one, as far as we know
  std::uint64_t pending_ = 0;            // behind the last message returned
  std::uint64_t consumer_sequence_ = 0;  // of the last message returned
  std::uint64_t stream_sequence_ = 0;
  std::uint64_t start_floor_ = 0;  // the consumer begins behind it
  // How long the consumer may be silent while there is more for it.
  static constexpr Duration kPatience = std::chrono::milliseconds(500);
  Duration patience_ = kPatience;
  bool verified_ = false;  // it has been seen to leave nothing out since it was made

  Mutex mutex_;
  CondVar changed_;
  std::string inbox_ LEAT_GUARDED_BY(mutex_);
  std::string name_ LEAT_GUARDED_BY(mutex_);  // of the consumer
  std::deque<nats::Received> arrived_ LEAT_GUARDED_BY(mutex_);
  std::vector<nats::Received> statuses_ LEAT_GUARDED_BY(mutex_);
  double typical_bytes_ LEAT_GUARDED_BY(mutex_) = 0;  // of the latest messages, the largest first; 0: none has come
  PullAccounting pulls_ LEAT_GUARDED_BY(mutex_);
  bool waiting_ LEAT_GUARDED_BY(mutex_) = false;
  bool connected_ LEAT_GUARDED_BY(mutex_) = true;
  bool broken_ LEAT_GUARDED_BY(mutex_) = false;  // something is missing: a new consumer is needed
  SteadyTime heard_ LEAT_GUARDED_BY(mutex_){};
  std::unique_ptr<nats::Subscription> subscription_;
};

}  // namespace leat::jetstream
