// Looks into streams and changes single messages, through the API's own requests.
#pragma once

#include "broker/jetstream/session.h"
#include "broker/jetstream/stream_catalog.h"
#include "leat/broker_admin.h"

namespace leat::jetstream {

class JetStreamAdmin : public BrokerAdmin {
 public:
  JetStreamAdmin(Session& session, StreamCatalog& catalog) : session_(session), catalog_(catalog) {}

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
  Result<std::uint64_t> count_ahead(const std::string& stream, std::string_view filter);
  Result<std::uint64_t> count_by_subject(const std::string& stream, std::string_view filter);

  Session& session_;
  StreamCatalog& catalog_;
};

// The filters of a stream's consumers, with how far each has acknowledged everything.
struct AckFloor {
  std::string consumer;
  std::string filter;
  std::uint64_t stream_sequence = 0;
  std::uint64_t delivered_up_to = 0;  // sequence
  std::uint64_t unsettled = 0;        // deliveries
};
Result<std::vector<AckFloor>> ack_floors(Session& session, const std::string& stream);

}  // namespace leat::jetstream
