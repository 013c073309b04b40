// Puts the parts of the JetStream broker together.
#pragma once

#include "broker/jetstream/admin.h"
#include "broker/jetstream/publisher.h"
#include "broker/jetstream/session.h"
#include "broker/jetstream/settled_sweeper.h"
#include "broker/jetstream/stream_catalog.h"
#include "leat/broker.h"

namespace leat::jetstream {

class JetStreamBroker : public Broker {
 public:
  explicit JetStreamBroker(std::unique_ptr<Session> session);

  Result<EnsureResult> ensure_stream(const StreamConfig& config) override;
  std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests) override;
  Result<std::unique_ptr<Consumer>> open_consumer(const ConsumerConfig& config) override;
  Result<std::unique_ptr<Reader>> open_reader(const ReaderConfig& config) override;
  Result<std::unique_ptr<KeyValue>> open_bucket(const BucketConfig& config) override;
  BrokerAdmin& admin() override { return admin_; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Clock& clock() override { return session_->clock(); }

 private:
  // True when the stream was made now; its configuration as the server has it goes to `actual`.
  Result<bool> ensure(const std::string& stream, const nlohmann::json& wanted, nlohmann::json& actual);
  Error config_error(const ApiAnswer& answer, const nlohmann::json& wanted, const std::string& what);
  Result<void> check_overlap(const ConsumerConfig& config);
  bool is_narrowed(const ConsumerConfig& config, const std::string& actual);
  Result<nlohmann::json> create_consumer(const ConsumerConfig& config, bool work_queue);

  std::unique_ptr<Session> session_;
  StreamCatalog catalog_;
  Publisher publisher_;
  JetStreamAdmin admin_;
  SettledSweeper sweeper_;
  Capabilities capabilities_;
};

}  // namespace leat::jetstream
