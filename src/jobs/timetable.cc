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

std::vector<std::uint64_t> Timetable::take_due(SystemTime now, std::size_t most, std::size_t most_in_a_row) {
  std::vector<std::uint64_t> due;
  bool in_a_row = true;
  while (!entries_.empty() && *next() <= now) {
    const std::uint64_t sequence = entries_.front().sequence;
    in_a_row = in_a_row && (due.empty() || sequence == due.back() + 1);
    if (due.size() >= (in_a_row ? most_in_a_row : most)) break;
    due.push_back(sequence);
    std::pop_heap(entries_.begin(), entries_.end(), later);
    entries_.pop_back();
  }
  give_back_memory();
  return due;
}

void Timetable::keep_only(std::span<const std::uint64_t> sequences) {
  std::erase_if(entries_, [&](const Entry& entry) {
    return !std::binary_search(sequences.begin(), sequences.end(), entry.sequence);
  });
  std::make_heap(entries_.begin(), entries_.end(), later);
  give_back_memory();
}

void Timetable::give_back_memory() {
  constexpr std::size_t kWorthIt = 100'000;
  if (entries_.capacity() > kWorthIt && entries_.size() < entries_.capacity() / 4) entries_.shrink_to_fit();
}

}  // namespace leat
