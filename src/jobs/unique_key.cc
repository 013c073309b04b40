#include "jobs/unique_key.h"

#include <algorithm>
#include <charconv>

namespace leat {
namespace {

constexpr std::string_view kPrefix = "u-";
constexpr std::size_t kLongestKey = 200;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

}  // namespace

Result<void> check_unique_key(std::string_view key) {
  if (!key.empty() && key.size() <= kLongestKey) return {};
  return Error(ErrorCode::kInvalidArgument,
               "unique key of " + std::to_string(key.size()) + " bytes: use 1 to 200, or a hash of what is longer");
}

std::string encode_unique_key(std::string_view key) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string token(kPrefix);
  for (const char c : key) {
    if (is_plain(c)) {
      token.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      token.append({'=', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return token;
}

std::optional<std::string> decode_unique_key(std::string_view token) {
  if (!token.starts_with(kPrefix)) return std::nullopt;
  std::string key;
  for (std::size_t at = kPrefix.size(); at < token.size(); ++at) {
    if (token[at] != '=') {
      key.push_back(token[at]);
      continue;
    }
    unsigned char byte = 0;
    const char* const digits = token.data() + at + 1;
    if (token.size() - at < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return std::nullopt;
    key.push_back(static_cast<char>(byte));
    at += 2;
  }
  return key;
}

bool is_unique(const Message& message) {
  return std::string_view(message.subject).substr(message.subject.rfind('.') + 1).starts_with(kPrefix);
}

}  // namespace leat
