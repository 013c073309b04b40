// A broker inside this process: complete, fast, and gone with it. For tests, and for work that need not survive.
//
// It honours a ManualClock everywhere: ages, leases, retries, dedupe windows and waits follow it.
#pragma once

#include <memory>

#include "leat/broker.h"
#include "leat/log.h"

namespace leat {

struct MemoryOptions {
  Clock* clock = nullptr;  // borrowed; the machine's clock unless given
  Log* log = nullptr;      // borrowed; nothing is logged unless given
};

std::unique_ptr<Broker> open_memory_broker(const MemoryOptions& options = {});

}  // namespace leat
