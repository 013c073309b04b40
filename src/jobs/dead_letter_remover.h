// Removes dead letters, in one call for many.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "jobs/names.h"
#include "leat/broker.h"

namespace leat {

// One result per number, in order: false when it was not there. Errors: kUnavailable, kUnknown.
std::vector<Result<bool>> remove_dead_letters(Broker& broker, const Names& names,
                                              std::span<const std::uint64_t> numbers);

}  // namespace leat
