#include "broker/jetstream/ack_subject.h"

#include <array>
#include <limits>

#include "core/text.h"

namespace leat::jetstream {
namespace {

constexpr std::string_view kPrefix = "$JS.ACK.";
constexpr std::size_t kNumbers = 5;
constexpr std::size_t kMostTokens = 10;  // behind the prefix

}  // namespace

std::optional<AckSubject> parse_ack_subject(std::string_view subject) {
  if (!subject.starts_with(kPrefix)) return std::nullopt;
  subject.remove_prefix(kPrefix.size());
  std::array<std::string_view, kMostTokens> tokens;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    if (count == kMostTokens) return std::nullopt;
    const std::size_t dot = subject.find('.');
    more = dot != subject.npos;
    tokens[count] = subject.substr(0, dot);
    subject.remove_prefix(more ? dot + 1 : subject.size());
  }
  std::size_t first = 2;  // behind stream and consumer
  if (count > 2 + kNumbers) first += 2;
  if (count != first + kNumbers && !(first == 4 && count == kMostTokens)) return std::nullopt;
  std::array<std::uint64_t, kNumbers> numbers{};
  for (std::size_t i = 0; i < kNumbers; ++i) {
    const auto number = parse_number(tokens[first + i]);
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  if (numbers[3] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return AckSubject{.delivered = numbers[0],
                    .stream_sequence = numbers[1],
                    .consumer_sequence = numbers[2],
                    .pending = numbers[4],
                    .time = SystemTime(Duration(static_cast<std::int64_t>(numbers[3])))};
}

}  // namespace leat::jetstream
