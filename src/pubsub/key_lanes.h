// Keeps messages of one key in line: one of them is on its way, the others wait behind it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pubsub/held_message.h"

namespace leat {

// Not thread-safe: the buffer's lock guards it.
class KeyLanes {
 public:
  // True when the message may go on its way now. Those without a key always may.
  bool enter(HeldMessage& message, std::string key);
  // The message has come to its end. Returns the next of its key, which may go now; null when there is none.
  HeldMessage* leave(HeldMessage& message);
  // All that wait, which they do no more.
  void take_waiting(std::vector<HeldMessage*>& out);

 private:
  std::unordered_map<std::string_view, std::unique_ptr<KeyLane>> lanes_;  // the keys are those of the lanes
};

}  // namespace leat
