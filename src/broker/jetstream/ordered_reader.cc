#include "broker/jetstream/ordered_reader.h"

#include "broker/config_checks.h"
#include "broker/jetstream/lookup.h"

namespace leat::jetstream {
namespace {

// A reader at the end of a stream is told so by the server at once; this bounds the wait for one that is silent.
constexpr std::chrono::seconds kLongestWait{15};

OrderedConfig ordered_config(const ReaderConfig& config) {
  using Content = OrderedConfig::Content;
  OrderedConfig ordered{.stream = config.stream, .from_time = config.from_time};
  if (config.filter != ">") ordered.filters = {config.filter};
  if (config.from_sequence > 1) ordered.from_sequence = config.from_sequence;
  if (config.last_sequence != 0) ordered.last_sequence = config.last_sequence;
  if (config.headers_only) ordered.content = Content::kHeaders;
  return ordered;
}

}  // namespace

StoredMessage to_stored(const OrderedMessage& message) {
  StoredMessage stored;
  stored.subject = message.message.subject();
  stored.headers = message.message.headers(kServerHeaders);
  stored.payload = message.message.data();
  stored.sequence = message.position.stream_sequence;
  stored.time = message.position.time;
  return stored;
}

OrderedReader::OrderedReader(Session& session, const ReaderConfig& config)
    : clock_(session.clock()), config_(config), pull_(session, ordered_config(config)) {}

Result<std::vector<StoredMessage>> OrderedReader::read(const ReadOptions& options, std::stop_token stop) {
  using AtEnd = OrderedPull::AtEnd;
  if (auto valid = check_read_options(options); !valid) return valid.error();
  const SteadyTime deadline = deadline_after(clock_, config_.follow ? Duration(options.max_wait) : kLongestWait);
  std::vector<StoredMessage> messages;
  while (messages.empty()) {
    auto next = pull_.next({options.max_count, options.max_bytes}, deadline,
                           config_.follow ? AtEnd::kFollow : AtEnd::kReturn, stop);
    if (!next) return next.error();
    if (next->empty()) break;
    messages.reserve(next->size());
    for (const OrderedMessage& message : *next) {
      // With a sequence as well, the server was asked for that alone.
      if (config_.from_time && message.position.time < *config_.from_time) continue;
      messages.push_back(to_stored(message));
    }
  }
  if (messages.empty() && !config_.follow && !stop.stop_requested() && clock_.steady() >= deadline) {
    return Error(ErrorCode::kUnavailable, "stream \"" + config_.stream + "\" delivers nothing");
  }
  return messages;
}

}  // namespace leat::jetstream
