#include "pubsub/subscription_name.h"

#include <cstdint>

namespace leat {

// FNV-1a, which is the same on every machine.
std::string subscription_name(std::string_view name, std::string_view filter) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint32_t hash = 2'166'136'261U;
  for (const char c : filter) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  std::string whole = std::string(name) + "-";
  for (int shift = 28; shift >= 0; shift -= 4) whole.push_back(kDigits[(hash >> shift) & 0xfU]);
  return whole;
}

}  // namespace leat
