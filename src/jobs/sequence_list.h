// Lists of stream sequences in JSON records: a number, or [first, last] where three or more follow one another.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

namespace leat {

nlohmann::json list_sequences(std::span<const std::uint64_t> sequences);
// What is no such entry is passed over; more than `most` are not read.
std::vector<std::uint64_t> sequences_in(const nlohmann::json& list, std::size_t most);
// Whether each is the one before it and one.
bool are_in_a_row(std::span<const std::uint64_t> sequences);

}  // namespace leat
