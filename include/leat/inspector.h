// Looks at queues without touching them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/result.h"

namespace leat {

struct QueueCounts {
  std::string queue;
  Priority priority = Priority::kMedium;
  std::uint64_t pending = 0;    // never given to a worker yet
  std::uint64_t unsettled = 0;  // with a worker now, or waiting for a retry
  bool paused = false;          // the queue, in all its priorities (leat/queue_control.h)
};

// Thread-safe. Borrows the broker, which must outlive it.
class Inspector {
 public:
  explicit Inspector(Broker& broker, std::string name_space = "leat");
  ~Inspector();

  // Every queue that a program of this namespace has pushed to or worked on: three rows each, by name and priority.
  Result<std::vector<QueueCounts>> queues();
  // How many dead letters a queue has.
  Result<std::uint64_t> dead(std::string_view queue);

 private:
  class Facts;
  std::unique_ptr<Facts> facts_;
};

}  // namespace leat
