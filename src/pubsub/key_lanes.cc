#include "pubsub/key_lanes.h"

#include <algorithm>

namespace leat {

bool KeyLanes::enter(HeldMessage& message, std::string key) {
  if (key.empty()) return true;
  const auto found = lanes_.find(key);
  if (found == lanes_.end()) {
    auto lane = std::make_unique<KeyLane>(KeyLane{std::move(key), {}});
    message.lane = lane.get();
    lanes_.emplace(message.lane->key, std::move(lane));
    return true;
  }
  message.lane = found->second.get();
  // What comes again, after another subscriber lost it, goes before what was stored later.
  auto& behind = message.lane->behind;
  const auto later = [](const HeldMessage* a, const HeldMessage* b) {
    return a->delivery.message.sequence < b->delivery.message.sequence;
  };
  behind.insert(std::upper_bound(behind.begin(), behind.end(), &message, later), &message);
  return false;
}

HeldMessage* KeyLanes::leave(HeldMessage& message) {
  KeyLane* lane = std::exchange(message.lane, nullptr);
  if (lane == nullptr) return nullptr;
  if (lane->behind.empty()) {
    lanes_.erase(lane->key);
    return nullptr;
  }
  HeldMessage* next = lane->behind.front();
  lane->behind.pop_front();
  return next;
}

void KeyLanes::take_waiting(std::vector<HeldMessage*>& out) {
  for (const auto& [key, lane] : lanes_) {
    for (HeldMessage* message : lane->behind) message->lane = nullptr;
    out.insert(out.end(), lane->behind.begin(), lane->behind.end());
    lane->behind.clear();
  }
}

}  // namespace leat
