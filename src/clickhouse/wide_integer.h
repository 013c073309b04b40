// Integers of up to 256 bits, as ClickHouse stores them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leat {

struct WideInteger {
  bool negative = false;
  std::array<std::uint64_t, 4> magnitude{};  // the lowest first

  // A sign and digits, at most 78 of them; empty when it is anything else, or too large.
  static std::optional<WideInteger> parse(std::string_view text);

  bool zero() const { return magnitude == std::array<std::uint64_t, 4>{}; }
};

// Appends it as little endian two's complement of `bits` bits (8 to 256). False when it does not fit: nothing is
// appended.
enum class Signed { kNo, kYes };
bool append_integer(std::string& out, const WideInteger& value, unsigned bits, Signed is_signed);

// Digits with a point: "-12.5" for scale 2 is -1250. Empty when it is no number, has digits behind the scale that are
// not zero, or more than `digits` in all.
std::optional<WideInteger> parse_decimal(std::string_view text, unsigned digits, unsigned scale);

}  // namespace leat
