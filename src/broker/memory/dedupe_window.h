// Remembers message ids for a while, so that a repeated append is recognised.
//
// Not thread-safe: the stream's mutex guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "leat/clock.h"

namespace leat {

class DedupeWindow {
 public:
  explicit DedupeWindow(Duration window) : window_(window) {}

  // The sequence of the message with this id; 0 when none was stored within the window.
  std::uint64_t find(const std::string& id, SteadyTime now) {
    forget_old(now);
    const auto found = sequences_.find(id);
    return found == sequences_.end() ? 0 : found->second;
  }

  // The id must not be remembered already.
  void remember(const std::string& id, std::uint64_t sequence, SteadyTime now) {
    const auto added = sequences_.emplace(id, sequence).first;
    in_order_.push_back({now, &added->first});
  }

 private:
  struct Remembered {
    SteadyTime since;
    const std::string* id;  // the key in sequences_
  };

  void forget_old(SteadyTime now) {
    while (!in_order_.empty() && now - in_order_.front().since >= window_) {
      sequences_.erase(sequences_.find(*in_order_.front().id));
      in_order_.pop_front();
    }
  }

  Duration window_;
  std::unordered_map<std::string, std::uint64_t> sequences_;
  std::deque<Remembered> in_order_;
};

}  // namespace leat
