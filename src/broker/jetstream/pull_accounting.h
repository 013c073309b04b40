// Keeps count of what the open pull requests of a consumer may still deliver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "leat/clock.h"

namespace leat::jetstream {

// Not thread-safe. A message does not say which request it answers, so it counts for the oldest; the sum is right, and
// the end of each request, which names it, sets the parts right.
class PullAccounting {
 public:
  // A request for `batch` messages was sent that the server forgets at `ends`. Returns its number, from 1.
  std::uint64_t open(std::size_t batch, SteadyTime ends);
  // A message came.
  void delivered();
  // The server ended a request with `undelivered` messages left of it; empty: it did not say.
  void end(std::uint64_t number, std::optional<std::size_t> undelivered);
  // Forgets requests that the server must have forgotten; true when there were any: they should have been ended.
  bool expire(SteadyTime now);
  // All requests are lost (the connection is). What the server still says about them is ignored.
  void clear();
  // True for a request that was open, or over, when clear() was called.
  bool is_cleared(std::uint64_t number) const { return number > 0 && number <= lost_up_to_; }

  std::size_t outstanding() const { return outstanding_; }
  // When the first of them is over; SteadyTime::max() when none is open.
  SteadyTime next_end() const;

 private:
  struct Request {
    std::uint64_t number;
    std::size_t left;
    SteadyTime ends;
  };

  void add_to_oldest(std::size_t count);
  void take_from_oldest(std::size_t count);

  std::deque<Request> requests_;
  std::size_t outstanding_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t lost_up_to_ = 0;
};

}  // namespace leat::jetstream
