#include "jobs/handoff_reader.h"

#include <algorithm>

#include "jobs/sequence_list.h"

namespace leat {
namespace {

constexpr std::size_t kWorthAReader = 2 * HandoffReader::kChunk;  // which takes requests to make

}  // namespace

HandoffReader::HandoffReader(Broker& broker, std::string stream, std::span<const std::uint64_t> sequences)
    : broker_(broker), stream_(std::move(stream)), rest_(sequences) {}

Result<std::vector<StoredMessage>> HandoffReader::next(const std::stop_token& stop) {
  if (is_over()) return std::vector<StoredMessage>();
  if (!in_order_) {
    const auto worth = is_worth_a_reader();
    if (!worth) return worth.error();
    in_order_ = *worth;
  }
  return *in_order_ ? next_in_order(stop) : next_by_sequence();
}

// A replica that a reader reads may not know yet what was removed: cancelled jobs would run. By their sequences the
// leader of the stream is asked.
Result<bool> HandoffReader::is_worth_a_reader() {
  if (rest_.size() < kWorthAReader || !are_in_a_row(rest_)) return false;
  const auto facts = broker_.admin().stream(stream_);
  if (!facts) return facts.error();
  return facts->replicas == 1;
}

Result<std::vector<StoredMessage>> HandoffReader::next_by_sequence() {
  const auto chunk = rest_.first(std::min(rest_.size(), kChunk));
  std::vector<StoredMessage> messages;
  messages.reserve(chunk.size());
  for (auto& found : broker_.admin().read(stream_, chunk)) {
    if (!found) return found.error();
    if (*found) messages.push_back(std::move(**found));
  }
  rest_ = rest_.subspan(chunk.size());
  return messages;
}

Result<std::vector<StoredMessage>> HandoffReader::next_in_order(const std::stop_token& stop) {
  if (!reader_) {
    auto opened =
        broker_.open_reader({.stream = stream_, .from_sequence = rest_.front(), .last_sequence = rest_.back()});
    if (!opened) return opened.error();
    reader_ = std::move(*opened);
  }
  auto messages = reader_->read({.max_count = kChunk}, stop);
  if (!messages || (messages->empty() && stop.stop_requested())) return messages;
  const std::uint64_t read_up_to = messages->empty() ? rest_.back() : messages->back().sequence;
  rest_ = rest_.subspan(static_cast<std::size_t>(read_up_to - rest_.front()) + 1);
  if (is_over()) reader_.reset();
  return messages;
}

}  // namespace leat
