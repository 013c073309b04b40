// A number in [0, 1) made of two others: jitter that needs no state, and so no lock.
#pragma once

#include <cstdint>

namespace leat {

// The finalizer of splitmix64, whose top 53 bits are as good as random.
inline double spread(std::uint64_t which, std::uint64_t turn) {
  std::uint64_t mixed = which + turn * 0x9e3779b97f4a7c15U;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  mixed ^= mixed >> 31U;
  return static_cast<double>(mixed >> 11U) * 0x1.0p-53;
}

}  // namespace leat
