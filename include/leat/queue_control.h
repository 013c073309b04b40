// Holds queues, lets them go on, and empties them: for all programs of a namespace, until somebody changes it back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat {

// Thread-safe. Borrows the broker, which must outlive it. Errors of all: kInvalidArgument (name), kUnavailable,
// kUnknown.
class QueueControl {
 public:
  explicit QueueControl(Broker& broker, NamespaceOptions name_space = {});
  ~QueueControl();

  // From now on no worker begins a job of this queue: what they hold and have not begun goes back, what runs goes on.
  // Pushing goes on too. Survives restarts. Pausing a paused queue changes nothing.
  Result<void> pause(std::string_view queue);
  Result<void> resume(std::string_view queue);
  // By name.
  Result<std::vector<std::string>> paused();

  // Removes every job of the queue, of one priority or all: waiting, running (their handlers go on, and what they say
  // counts no more) and waiting for a retry. Returns how many.
  Result<std::uint64_t> purge(std::string_view queue, std::optional<Priority> priority = std::nullopt);

 private:
  class Records;
  std::unique_ptr<Records> records_;
};

}  // namespace leat
