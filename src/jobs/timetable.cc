#include "jobs/timetable.h"

#include <algorithm>
#include <chrono>

#include "jobs/due_time.h"

namespace leat {

bool Timetable::add(const StoredMessage& job) {
  const auto due = due_time(job);
  if (due) add(*due, job.sequence);
  return due.has_value();
}

void Timetable::add(SystemTime due, std::uint64_t sequence) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(due.time_since_epoch()).count();
  entries_.push_back({milliseconds, sequence});
  std::push_heap(entries_.begin(), entries_.end(), later);
}

std::optional<SystemTime> Timetable::next() const {
  if (entries_.empty()) return std::nullopt;
  return SystemTime{std::chrono::milliseconds(entries_.front().due)};
}

std::vector<std::uint64_t> Timetable::take_due(SystemTime now, std::size_t most) {
  std::vector<std::uint64_t> due;
  while (!entries_.empty() && due.size() < most && *next() <= now) {
    due.push_back(entries_.front().sequence);
    std::pop_heap(entries_.begin(), entries_.end(), later);
    entries_.pop_back();
  }
  constexpr std::size_t kWorthIt = 100'000;
  if (entries_.capacity() > kWorthIt && entries_.size() < entries_.capacity() / 4) entries_.shrink_to_fit();
  return due;
}

}  // namespace leat
