// What travels: a subject, a few headers and bytes.
//
// A subject is tokens of printable characters (no space, `.`, `*` or `>`) joined by dots: `leat.high.default.01J9`.
// It has at most 2,000 bytes. A filter is a subject in which `*` stands for one token and a last `>` for one or more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat {

// A short list of named values, kept in one string: copying it costs one allocation, reading it none.
// Names are case-sensitive and unique. A broker may return them in another order. Not thread-safe for writing.
// A broker refuses (kInvalidArgument) a name that is empty, longer than 255 bytes or holds anything but printable ASCII
// without `:` and space; a value that is empty, holds a line break or a zero byte, or begins or ends with a space; and
// headers of more than 64'000 bytes together.
class Headers {
 public:
  using Entry = std::pair<std::string_view, std::string_view>;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = Entry;

    explicit Iterator(std::string_view rest) : rest_(rest) {}
    Entry operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return rest_.size() == other.rest_.size(); }

   private:
    std::string_view rest_;
  };

  Headers() = default;

  // Replaces the value if the name is there. Ends the views that earlier calls returned.
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name);

  // Makes room for so many headers more, whose names and values are `text` bytes together.
  void reserve(std::size_t headers, std::size_t text);

  // The view lives until the next change of this object.
  std::optional<std::string_view> get(std::string_view name) const;

  bool empty() const { return bytes_.empty(); }
  Iterator begin() const { return Iterator(bytes_); }
  Iterator end() const { return Iterator(std::string_view{}); }
  bool operator==(const Headers&) const = default;

  // The stored form (docs/spec/storage.md): for each entry two bytes of name length, four bytes of value length (both
  // little endian), the name, the value.
  const std::string& encoded() const { return bytes_; }
  // kCorrupt when the bytes are no such list.
  static Result<Headers> from_encoded(std::string bytes);

 private:
  std::string bytes_;
};

struct Message {
  std::string subject;
  Headers headers;
  std::string payload;
};

struct StoredMessage : Message {
  std::uint64_t sequence = 0;  // in its stream, from 1, never used twice
  SystemTime time{};           // when the broker stored it
};

// True when `filter` selects `subject`. Both must be valid.
bool subject_matches(std::string_view filter, std::string_view subject);
// Ok, or kInvalidArgument naming what is wrong: an empty token, a space, a wildcard in a subject or inside a token.
Result<void> check_subject(std::string_view subject);
Result<void> check_filter(std::string_view filter);
// Ok, or kInvalidArgument naming the header and what is wrong with it.
Result<void> check_headers(const Headers& headers);

}  // namespace leat
