// The messages of one stream: by sequence, and by subject.
//
// Not thread-safe: the stream's mutex guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "leat/message.h"

namespace leat {

class MessageLog {
 public:
  struct Record {
    StoredMessage message;
    SteadyTime stored;  // ages do not follow a wall clock that jumps
  };

  // Returns the new message's sequence.
  std::uint64_t append(Message message, SystemTime time, SteadyTime stored);
  // False when there is no such message.
  bool erase(std::uint64_t sequence);

  // Null when there is none. Lives until the message is erased.
  const Record* find(std::uint64_t sequence) const;
  // The first at or after this sequence; null at the end.
  const Record* next(std::uint64_t from_sequence) const;
  const Record* oldest() const { return next(first_sequence()); }

  // Sequences of what is there under a subject; 0 when there is nothing.
  std::uint64_t first_of(std::string_view subject) const;
  std::uint64_t last_of(std::string_view subject) const;
  std::size_t count_of(std::string_view subject) const;
  std::uint64_t count_selected(std::string_view filter) const;

  std::uint64_t size() const { return size_; }
  std::uint64_t bytes() const { return bytes_; }
  // What an empty log stores next, when there is nothing.
  std::uint64_t first_sequence() const { return base_; }
  std::uint64_t last_sequence() const { return base_ + records_.size() - 1; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Sequences = std::set<std::uint64_t>;

  const Sequences* under(std::string_view subject) const;
  void forget_subject(const Record& record);

  std::deque<std::unique_ptr<Record>> records_;  // a removed one leaves an empty place until it is the first
  std::uint64_t base_ = 1;                       // the sequence of records_[0]
  std::uint64_t size_ = 0;
  std::uint64_t bytes_ = 0;
  std::unordered_map<std::string, Sequences, Hash, std::equal_to<>> by_subject_;
};

}  // namespace leat
