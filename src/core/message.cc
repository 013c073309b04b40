#include "leat/message.h"

#include <algorithm>

#include "core/header_limit.h"
#include "core/invalid_argument.h"

namespace leat {
namespace {

constexpr std::size_t kLengths = 6;  // two bytes of name length, four of value length
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kLongestSubject = 2000;  // a line of NATS' protocol holds 4096, with a reply and numbers

std::size_t read_le(std::string_view bytes, std::size_t at, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::size_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

void append_le(std::string& bytes, std::size_t value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

std::size_t name_length(std::string_view entry) {
  return read_le(entry, 0, 2);
}
std::size_t entry_length(std::string_view entry) {
  return kLengths + name_length(entry) + read_le(entry, 2, 4);
}

// Walks the tokens of a subject; `wildcards` tells whether `*` and a last `>` may stand.
Result<void> check_tokens(std::string_view text, bool wildcards, std::string_view what) {
  const auto quoted = [&] { return std::string(what) + " \"" + std::string(text) + "\""; };
  if (text.empty()) return invalid_argument(std::string(what) + " is empty");
  if (text.size() > kLongestSubject) {
    return invalid_argument(std::string(what) + " \"" + std::string(text.substr(0, 80)) + "...\" has " +
                            std::to_string(text.size()) + " bytes; the limit is 2,000");
  }
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view token = text.substr(begin, end - begin);
    if (token.empty()) return invalid_argument(quoted() + " has an empty token: remove the extra dot");
    const bool whole_wildcard = token == "*" || (token == ">" && end == text.size());
    for (const char c : token) {
      if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
        return invalid_argument(quoted() + " holds a space or a control character");
      if ((c == '*' || c == '>') && !(wildcards && whole_wildcard)) {
        return invalid_argument(quoted() +
                                (wildcards ? ": `*` must be a whole token and `>` the last one" : " holds a wildcard"));
      }
    }
    begin = end + 1;
  }
  return {};
}

}  // namespace

Headers::Entry Headers::Iterator::operator*() const {
  const std::size_t name = name_length(rest_);
  return {rest_.substr(kLengths, name), rest_.substr(kLengths + name, entry_length(rest_) - kLengths - name)};
}

Headers::Iterator& Headers::Iterator::operator++() {
  rest_.remove_prefix(entry_length(rest_));
  return *this;
}

void Headers::set(std::string_view name, std::string_view value) {
  if (!bytes_.empty()) erase(name);
  name = name.substr(0, 65'535);
  append_le(bytes_, name.size(), 2);
  append_le(bytes_, value.size(), 4);
  bytes_.append(name);
  bytes_.append(value);
}

void Headers::reserve(std::size_t headers, std::size_t text) {
  bytes_.reserve(bytes_.size() + headers * kLengths + text);
}

// Stored bytes of somebody else may hold a name twice: all of them go.
void Headers::erase(std::string_view name) {
  for (std::size_t at = 0; at < bytes_.size();) {
    const std::string_view rest = std::string_view(bytes_).substr(at);
    const std::size_t length = entry_length(rest);
    if (rest.substr(kLengths, name_length(rest)) == name) {
      bytes_.erase(at, length);
    } else {
      at += length;
    }
  }
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [key, value] : *this) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<Headers> Headers::from_encoded(std::string bytes) {
  for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(entry_length(rest))) {
    if (rest.size() < kLengths || rest.size() < entry_length(rest)) {
      return Error(ErrorCode::kCorrupt, "stored headers are cut off");
    }
  }
  Headers headers;
  headers.bytes_ = std::move(bytes);
  return headers;
}

bool subject_matches(std::string_view filter, std::string_view subject) {
  while (true) {
    if (filter == ">") return !subject.empty();
    const std::size_t filter_end = std::min(filter.find('.'), filter.size());
    const std::size_t subject_end = std::min(subject.find('.'), subject.size());
    const std::string_view token = filter.substr(0, filter_end);
    if (token != "*" && token != subject.substr(0, subject_end)) return false;
    const bool filter_ends = filter_end == filter.size();
    const bool subject_ends = subject_end == subject.size();
    if (filter_ends || subject_ends) return filter_ends && subject_ends;
    filter.remove_prefix(filter_end + 1);
    subject.remove_prefix(subject_end + 1);
  }
}

Result<void> check_subject(std::string_view subject) {
  return check_tokens(subject, false, "subject");
}
Result<void> check_filter(std::string_view filter) {
  return check_tokens(filter, true, "filter");
}

Result<void> check_headers(const Headers& headers) {
  std::size_t together = 0;
  for (const auto& [name, value] : headers) {
    const auto refused = [name = name](std::string_view why) {
      return invalid_argument("header \"" + std::string(name.substr(0, 80)) + "\"" + std::string(why));
    };
    if (name.empty()) return invalid_argument("a header has no name");
    if (name.size() > kMaxName) return refused(": the name is longer than 255 bytes");
    const auto bad_in_name = [](char c) { return c <= ' ' || c >= 0x7f || c == ':'; };
    if (std::any_of(name.begin(), name.end(), bad_in_name)) {
      return refused(": a name is printable ASCII without `:` and space");
    }
    if (value.empty()) return refused(" has an empty value: leave the header out instead");
    together += name.size() + value.size();
    if (together > kMaxHeaders) return refused(": headers of more than 64,000 bytes together; put it into the payload");
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) {
      return refused(": the value holds a line break or a zero byte");
    }
    if (value.front() == ' ' || value.back() == ' ') return refused(": the value begins or ends with a space");
  }
  return {};
}

}  // namespace leat
