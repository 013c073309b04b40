// How much of a message its headers may be.
#pragma once

#include <cstddef>

namespace leat {

// Of all names and values together: NATS servers take 64 KiB with their own.
inline constexpr std::size_t kMaxHeaders = 64'000;

}  // namespace leat
