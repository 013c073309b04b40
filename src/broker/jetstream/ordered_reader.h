// Reads streams that keep their messages: through an ordered consumer, at the speed of the server.
#pragma once

#include "broker/jetstream/ordered_pull.h"
#include "leat/reader.h"

namespace leat::jetstream {

class OrderedReader : public Reader {
 public:
  OrderedReader(Session& session, const ReaderConfig& config);

  Result<std::vector<StoredMessage>> read(const ReadOptions& options, std::stop_token stop) override;

 private:
  Clock& clock_;
  const ReaderConfig config_;
  OrderedPull pull_;
};

// The message as it is stored; `position` tells where.
StoredMessage to_stored(const OrderedMessage& message);

}  // namespace leat::jetstream
