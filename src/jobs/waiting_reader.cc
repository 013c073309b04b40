#include "jobs/waiting_reader.h"

#include <algorithm>

#include "jobs/sequence_list.h"

namespace leat {
namespace {

constexpr std::size_t kChunk = 500;
constexpr std::size_t kWorthAReader = 2 * kChunk;  // which takes a request to make, and reads ahead

}  // namespace

WaitingReader::WaitingReader(Broker& broker, std::string stream, std::span<const std::uint64_t> sequences)
    : broker_(broker),
      stream_(std::move(stream)),
      rest_(sequences),
      in_order_(sequences.size() >= kWorthAReader && are_in_a_row(sequences)) {}

Result<std::vector<StoredMessage>> WaitingReader::next() {
  if (is_over()) return std::vector<StoredMessage>();
  return in_order_ ? next_in_order() : next_by_sequence();
}

Result<std::vector<StoredMessage>> WaitingReader::next_by_sequence() {
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

Result<std::vector<StoredMessage>> WaitingReader::next_in_order() {
  if (!reader_) {
    auto opened = broker_.open_reader({.stream = stream_, .from_sequence = rest_.front()});
    if (!opened) return opened.error();
    reader_ = std::move(*opened);
  }
  auto messages = reader_->read({.max_count = std::min(rest_.size(), kChunk)}, {});
  if (!messages) return messages;
  const std::uint64_t read_up_to = messages->empty() ? rest_.back() : messages->back().sequence;
  const auto left = std::upper_bound(rest_.begin(), rest_.end(), read_up_to);
  const std::uint64_t last = rest_.back();
  rest_ = rest_.subspan(static_cast<std::size_t>(left - rest_.begin()));
  while (!messages->empty() && messages->back().sequence > last) messages->pop_back();
  return messages;
}

}  // namespace leat
