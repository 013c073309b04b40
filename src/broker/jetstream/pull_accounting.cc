#include "broker/jetstream/pull_accounting.h"

#include <algorithm>

namespace leat::jetstream {

std::uint64_t PullAccounting::open(std::size_t batch, SteadyTime ends) {
  requests_.push_back({.number = ++last_number_, .left = batch, .ends = ends});
  outstanding_ += batch;
  return last_number_;
}

void PullAccounting::delivered() {
  take_from_oldest(1);
}

void PullAccounting::end(std::uint64_t number, std::optional<std::size_t> undelivered) {
  if (number <= lost_up_to_ || number > last_number_) return;
  std::size_t counted = 0;
  const auto found = std::find_if(requests_.begin(), requests_.end(),
                                  [&](const Request& request) { return request.number == number; });
  if (found != requests_.end()) {
    counted = found->left;
    outstanding_ -= counted;
    requests_.erase(found);
  }
  if (!undelivered) return;
  if (counted > *undelivered) add_to_oldest(counted - *undelivered);
  if (counted < *undelivered) take_from_oldest(*undelivered - counted);
}

bool PullAccounting::expire(SteadyTime now) {
  const std::size_t before = requests_.size();
  std::erase_if(requests_, [&](const Request& request) {
    if (request.ends > now) return false;
    outstanding_ -= request.left;
    return true;
  });
  return requests_.size() != before;
}

void PullAccounting::clear() {
  requests_.clear();
  outstanding_ = 0;
  lost_up_to_ = last_number_;
}

SteadyTime PullAccounting::next_end() const {
  SteadyTime first = SteadyTime::max();
  for (const Request& request : requests_) first = std::min(first, request.ends);
  return first;
}

// What was counted there came from another request: it is still to come from this one.
void PullAccounting::add_to_oldest(std::size_t count) {
  if (requests_.empty()) return;
  requests_.front().left += count;
  outstanding_ += count;
}

void PullAccounting::take_from_oldest(std::size_t count) {
  while (count > 0 && !requests_.empty()) {
    Request& oldest = requests_.front();
    const std::size_t taken = std::min(count, oldest.left);
    oldest.left -= taken;
    outstanding_ -= taken;
    count -= taken;
    if (oldest.left == 0) requests_.pop_front();
  }
}

}  // namespace leat::jetstream
