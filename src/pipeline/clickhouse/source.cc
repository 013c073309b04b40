#include "pipeline/clickhouse/source.h"

#include <algorithm>

namespace leat {
namespace {

constexpr std::size_t kReadAtOnce = 1000;

// Places before this message's whose messages are gone.
std::uint64_t place_of(const RangeInHand& range, const StoredMessage& message, const BatchBuilder& builder) {
  return range.dense() ? message.sequence - range.first : builder.size();
}

}  // namespace

Result<SourceFacts> source_facts(Broker& broker, const std::string& stream) {
  const auto facts = broker.admin().stream(stream);
  if (!facts && facts.error().code() == ErrorCode::kNotFound) {
    return Error(ErrorCode::kNotFound, "there is no stream \"" + stream + "\" on this broker: make it first");
  }
  if (!facts) return facts.error();
  const std::uint64_t first = facts->messages == 0 ? facts->last_sequence + 1 : facts->first_sequence;
  return SourceFacts{facts->created, std::max<std::uint64_t>(first, 1), facts->last_sequence};
}

Result<std::optional<RangeBatch>> read_range(Broker& broker, const RowMapping& mapping, const std::string& stream,
                                             const RangeInHand& range, const std::stop_token& stop) {
  auto reader = broker.open_reader(
      {.stream = stream, .filter = range.filter, .from_sequence = range.first, .last_sequence = range.last});
  if (!reader) return reader.error();
  BatchBuilder builder(mapping, range.first);
  while (true) {
    auto messages = (*reader)->read({.max_count = kReadAtOnce}, stop);
    if (!messages) return messages.error();
    if (stop.stop_requested()) return std::optional<RangeBatch>();
    if (messages->empty()) break;
    for (StoredMessage& message : *messages) {
      while (builder.size() < place_of(range, message, builder)) builder.add_gone();
      if (auto added = builder.add(std::move(message)); !added) return added.error();
    }
  }
  while (range.dense() && builder.size() < range.messages) builder.add_gone();
  return std::optional(builder.finish(range.last));
}

}  // namespace leat
