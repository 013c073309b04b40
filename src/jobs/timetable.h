// Which delayed jobs are due when: 16 bytes for each, for the one program that leads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "leat/message.h"

namespace leat {

// Not thread-safe. What was moved to another time, or cancelled, stays here until its old time comes or keep_only() is
// told what is left; its message is gone by then.
class Timetable {
 public:
  // A message of the scheduled stream, its headers at least. False when it is no delayed job.
  bool add(const StoredMessage& job);
  void add(SystemTime due, std::uint64_t sequence);

  // When the next one is due.
  std::optional<SystemTime> next() const;
  // Takes what is due, the earliest first, but not more than `most`; up to `most_in_a_row` where each sequence follows
  // the one before.
  std::vector<std::uint64_t> take_due(SystemTime now, std::size_t most, std::size_t most_in_a_row);

  // Leaves out every other sequence. These are in order.
  void keep_only(std::span<const std::uint64_t> sequences);

  std::size_t size() const { return entries_.size(); }

 private:
  void give_back_memory();

  struct Entry {
    std::int64_t due = 0;  // milliseconds since 1970, UTC
    std::uint64_t sequence = 0;
  };
  static bool later(const Entry& a, const Entry& b) { return a.due != b.due ? a.due > b.due : a.sequence > b.sequence; }

  std::vector<Entry> entries_;  // a heap, the earliest on top
};

}  // namespace leat
