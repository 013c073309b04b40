#include "jobs/async_pusher.h"

#include <algorithm>
#include <iterator>

namespace leat {
namespace {

constexpr std::size_t kMostAtOnce = 5000;

// The first `count` of `from`, in order.
template <class T>
std::vector<T> take_first(std::vector<T>& from, std::size_t count) {
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<T> first(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
  return first;
}

}  // namespace

AsyncPusher::~AsyncPusher() {
  Thread thread;
  {
    MutexLock lock(mutex_);
    thread = std::move(thread_);
  }
  thread.request_stop();
}

void AsyncPusher::push(PushOrder order, Done done) {
  MutexLock lock(mutex_);
  if (!thread_.joinable()) {
    thread_ = start_thread("push", [this](const std::stop_token& stop) { run(stop); });
  }
  changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return orders_.size() < kMostWaiting; });
  orders_.push_back(std::move(order));
  callbacks_.push_back(std::move(done));
  if (orders_.size() == 1) changed_.notify_all();
}

// Stopped, it goes on until nothing is left.
void AsyncPusher::run(const std::stop_token& stop) {
  std::vector<PushOrder> orders;
  std::vector<Done> callbacks;
  while (take(orders, callbacks, stop)) {
    auto results = enqueuer_.push(std::move(orders));
    for (std::size_t i = 0; i < callbacks.size(); ++i) callbacks[i](std::move(results[i]));
  }
}

bool AsyncPusher::take(std::vector<PushOrder>& orders, std::vector<Done>& callbacks, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return !orders_.empty(); });
  const std::size_t count = std::min(orders_.size(), kMostAtOnce);
  orders = take_first(orders_, count);
  callbacks = take_first(callbacks_, count);
  changed_.notify_all();
  return count > 0;
}

}  // namespace leat
