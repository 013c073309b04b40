// Unique ids that sort by time: ULIDs (github.com/ulid/spec), 26 characters of Crockford base 32.
//
// 48 bits of milliseconds since 1970, then 80 random bits; ids made in the same millisecond by the same thread count up
// from the first one's random bits, so they keep their order.
#pragma once

#include <cstddef>
#include <string>

#include "leat/clock.h"

namespace leat {

constexpr std::size_t kUlidSize = 26;

// Thread-safe, no lock. Unique across threads, processes (after a fork too) and machines.
std::string make_ulid(SystemTime now);

// Appends one to `out` and saves the allocation.
void append_ulid(std::string& out, SystemTime now);

}  // namespace leat
