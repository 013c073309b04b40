// What a lease's token says: whose it is, and how many bytes go when the message does.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace leat::sqlite {

// Eight bytes: short enough for a string without an allocation.
struct LeaseToken {
  std::uint32_t consumer = 0;
  std::uint32_t bytes = 0;

  std::string encoded() const {
    std::array<char, sizeof(LeaseToken)> raw{};
    std::memcpy(raw.data(), this, raw.size());
    return {raw.data(), raw.size()};
  }
  static std::optional<LeaseToken> from_encoded(std::string_view raw) {
    LeaseToken token;
    if (raw.size() != sizeof(token)) return std::nullopt;
    std::memcpy(&token, raw.data(), sizeof(token));
    return token;
  }
};

}  // namespace leat::sqlite
