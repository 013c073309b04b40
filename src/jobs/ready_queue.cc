#include "jobs/ready_queue.h"

#include <algorithm>

namespace leat {
namespace {

constexpr std::size_t kMostHeld = 1000;
constexpr std::size_t kMostTaken = 32;                           // by one handler at once
constexpr Duration kHeldWork = std::chrono::milliseconds(20);    // how much work to hold
constexpr Duration kTakenWork = std::chrono::microseconds(200);  // how much work one handler takes at once
constexpr int kWeights[] = {12, 4, 1};                           // high, medium, low

std::size_t rank_of(Priority priority) {
  return static_cast<std::size_t>(priority);
}

}  // namespace

ReadyQueue::ReadyQueue(const std::vector<Priority>& priorities, std::size_t threads, WorkerOptions::Order order)
    : threads_(threads), order_(order), capacity_(threads) {
  for (const Priority priority : priorities) {
    lanes_.push_back({.weight = kWeights[rank_of(priority)], .rank = rank_of(priority)});
  }
}

FetchRoom ReadyQueue::wait_for_room(std::size_t number, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  Lane& lane = lanes_[number];
  lane.wants_room = !lane.idle;  // from now on: which lane is next is settled before there is room
  ++room_waiters_;
  room_.wait(mutex_, stop,
             [&]() LEAT_REQUIRES(mutex_) { return closed_ || (has_room(lane) && is_next_for_room(lane)); });
  --room_waiters_;
  if (closed_ || stop.stop_requested()) {
    lane.wants_room = false;
    if (room_waiters_ > 0) room_.notify_all();  // those that let it go first
    return {};
  }
  if (slow() && !lane.idle) return reserve_in_turn(lane);
  lane.wants_room = false;
  const std::size_t holding = slow() ? held() : lane.jobs.size();
  const std::size_t count = std::max<std::size_t>(capacity_ - std::min(holding, capacity_), 1);
  return {.count = count, .ahead = slow() ? 0 : capacity_, .reserved = 0};
}

FetchRoom ReadyQueue::reserve_in_turn(Lane& lane) {
  std::size_t wanting = 0;
  int weights = 0;
  for (Lane& other : lanes_) {
    if (!other.wants_room) continue;
    ++wanting;
    weights += other.weight;
    other.room_credit += other.weight;
  }
  lane.room_credit -= weights;
  lane.wants_room = false;
  const std::size_t count = std::max<std::size_t>((capacity_ - std::min(held(), capacity_)) / wanting, 1);
  reserved_ += count;
  if (room_waiters_ > 0) room_.notify_all();
  return {.count = count, .ahead = 0, .reserved = count};
}

bool ReadyQueue::is_next_for_room(const Lane& lane) const {
  if (!slow() || lane.idle) return true;
  return std::none_of(lanes_.begin(), lanes_.end(), [&](const Lane& other) {
    if (!other.wants_room || &other == &lane) return false;
    if (order_ == WorkerOptions::Order::kStrict) return other.rank < lane.rank;
    return other.room_credit + other.weight > lane.room_credit + lane.weight;
  });
}

std::vector<HeldJob*> ReadyQueue::put(std::size_t number, const FetchRoom& room, std::vector<HeldJob*> jobs) {
  MutexLock lock(mutex_);
  reserved_ -= room.reserved;
  if (closed_) return jobs;
  Lane& lane = lanes_[number];
  lane.idle = jobs.empty();
  lane.jobs.insert(lane.jobs.end(), jobs.begin(), jobs.end());
  waiting_ += jobs.size();
  if (jobs.size() == 1) {
    jobs_.notify_one();
  } else if (!jobs.empty()) {
    jobs_.notify_all();
  }
  if (room_waiters_ > 0) room_.notify_all();
  return cut_surplus();
}

std::vector<HeldJob*> ReadyQueue::cut_surplus() {
  std::vector<HeldJob*> surplus;
  // Only what handlers of over 20 ms leave waiting: a job that goes back costs its next worker a look-up.
  while (capacity_ == threads_ && waiting_ > capacity_) {
    Lane* lowest = nullptr;
    for (Lane& lane : lanes_) {
      if (!lane.jobs.empty() && (lowest == nullptr || lane.rank >= lowest->rank)) lowest = &lane;
    }
    surplus.push_back(lowest->jobs.back());
    lowest->jobs.pop_back();
    --waiting_;
  }
  return surplus;
}

HeldJob* ReadyQueue::pop_next() {
  Lane* next = nullptr;
  int weights = 0;
  for (Lane& lane : lanes_) {
    if (lane.jobs.empty()) continue;
    lane.credit += lane.weight;
    weights += lane.weight;
    const bool before = next != nullptr &&
                        (order_ == WorkerOptions::Order::kStrict ? lane.rank < next->rank : lane.credit > next->credit);
    if (next == nullptr || before) next = &lane;
  }
  next->credit -= weights;
  HeldJob* job = next->jobs.front();
  next->jobs.pop_front();
  --waiting_;
  return job;
}

std::size_t ReadyQueue::take_limit() const {
  if (slow() || mean_ == 0) return 1;
  const auto by_time = static_cast<std::size_t>(kTakenWork.count() / mean_);
  return std::clamp<std::size_t>(std::min(by_time, waiting_ / threads_), 1, kMostTaken);
}

void ReadyQueue::take(std::vector<HeldJob*>& into, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  jobs_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return closed_ || waiting_ > 0; });
  if (closed_ || waiting_ == 0) return;
  for (std::size_t count = take_limit(); count > 0 && waiting_ > 0; --count) into.push_back(pop_next());
  if (room_waiters_ > 0) room_.notify_all();
}

std::vector<HeldJob*> ReadyQueue::report(Duration spent, std::size_t count) {
  if (count == 0) return {};
  const Duration::rep each = std::max<Duration::rep>(spent.count() / static_cast<Duration::rep>(count), 1);
  MutexLock lock(mutex_);
  mean_ = mean_ == 0 ? each : (3 * mean_ + each) / 4;
  const auto fitting = static_cast<std::size_t>(static_cast<Duration::rep>(threads_) * kHeldWork.count() /
                                                std::max<Duration::rep>(mean_, 1));
  capacity_ = std::clamp(fitting, threads_, std::max(kMostHeld, threads_));
  if (room_waiters_ > 0) room_.notify_all();
  return cut_surplus();
}

std::vector<HeldJob*> ReadyQueue::take_out(std::size_t number) {
  MutexLock lock(mutex_);
  std::deque<HeldJob*>& jobs = lanes_[number].jobs;
  std::vector<HeldJob*> taken(jobs.begin(), jobs.end());
  jobs.clear();
  waiting_ -= taken.size();
  if (room_waiters_ > 0) room_.notify_all();
  return taken;
}

std::vector<HeldJob*> ReadyQueue::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  std::vector<HeldJob*> left;
  for (Lane& lane : lanes_) {
    left.insert(left.end(), lane.jobs.begin(), lane.jobs.end());
    lane.jobs.clear();
  }
  waiting_ = 0;
  room_.notify_all();
  jobs_.notify_all();
  return left;
}

std::size_t ReadyQueue::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

}  // namespace leat
