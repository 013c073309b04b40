// Counts how often each numbered job was seen.
#pragma once

#include <atomic>
#include <charconv>
#include <string_view>
#include <vector>

namespace leat {

// Thread-safe.
class Exactness {
 public:
  explicit Exactness(std::size_t jobs) : seen_(jobs) {}

  // `payload` begins with the job's number and a space.
  void mark(std::string_view payload) {
    std::size_t number = seen_.size();
    std::from_chars(payload.data(), payload.data() + payload.size(), number);
    if (number < seen_.size()) {
      seen_[number].fetch_add(1, std::memory_order_relaxed);
    } else {
      strangers_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  bool is_exact() const {
    for (const auto& count : seen_) {
      if (count != 1) return false;
    }
    return strangers_ == 0;
  }

 private:
  std::vector<std::atomic<unsigned char>> seen_;
  std::atomic<std::size_t> strangers_{0};
};

}  // namespace leat
