#include "clickhouse/wide_integer.h"

#include <algorithm>
#include <limits>

namespace leat {
namespace {

constexpr unsigned kWordBits = 64;

// magnitude * 10 + digit; false when that is beyond 256 bits.
bool add_digit(std::array<std::uint64_t, 4>& magnitude, unsigned digit) {
  __extension__ using Double = unsigned __int128;
  Double carry = digit;
  for (std::uint64_t& word : magnitude) {
    carry += static_cast<Double>(word) * 10;
    word = static_cast<std::uint64_t>(carry);
    carry >>= kWordBits;
  }
  return carry == 0;
}

bool bit(const std::array<std::uint64_t, 4>& magnitude, unsigned index) {
  return ((magnitude[index / kWordBits] >> (index % kWordBits)) & 1) != 0;
}

// The number of bits that the magnitude takes.
unsigned width(const std::array<std::uint64_t, 4>& magnitude) {
  for (unsigned i = 256; i > 0; --i) {
    if (bit(magnitude, i - 1)) return i;
  }
  return 0;
}

bool power_of_two(const std::array<std::uint64_t, 4>& magnitude) {
  int ones = 0;
  for (const std::uint64_t word : magnitude) ones += __builtin_popcountll(word);
  return ones == 1;
}

bool fits(const WideInteger& value, unsigned bits, Signed is_signed) {
  const unsigned taken = width(value.magnitude);
  if (is_signed == Signed::kNo) return taken <= bits && (!value.negative || taken == 0);
  return taken < bits || (value.negative && taken == bits && power_of_two(value.magnitude));
}

void negate(std::array<std::uint64_t, 4>& words) {
  bool carry = true;
  for (std::uint64_t& word : words) {
    word = ~word + (carry ? 1 : 0);
    carry = carry && word == 0;
  }
}

}  // namespace

std::optional<WideInteger> WideInteger::parse(std::string_view text) {
  WideInteger value;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    value.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9' || !add_digit(value.magnitude, static_cast<unsigned>(c - '0'))) return std::nullopt;
  }
  return value;
}

bool append_integer(std::string& out, const WideInteger& value, unsigned bits, Signed is_signed) {
  if (!fits(value, bits, is_signed)) return false;
  auto words = value.magnitude;
  if (value.negative) negate(words);
  for (unsigned at = 0; at < bits; at += 8) {
    out += static_cast<char>(words[at / kWordBits] >> (at % kWordBits));
  }
  return true;
}

std::optional<WideInteger> parse_decimal(std::string_view text, unsigned digits, unsigned scale) {
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string_view behind = point < text.size() ? text.substr(point + 1) : std::string_view{};
  if (point < text.size() && behind.empty()) return std::nullopt;
  while (behind.size() > scale && behind.back() == '0') behind.remove_suffix(1);
  if (behind.size() > scale || behind.find_first_not_of("0123456789") != behind.npos) return std::nullopt;
  std::string all(text.substr(0, point));
  all += behind;
  all.append(scale - behind.size(), '0');
  const std::string_view unsigned_part = std::string_view(all).substr(
      all.find_first_not_of("+-0") == all.npos ? all.size() : all.find_first_not_of("+-0"));
  if (unsigned_part.size() > digits) return std::nullopt;
  return WideInteger::parse(all);
}

}  // namespace leat
