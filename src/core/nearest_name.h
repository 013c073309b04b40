// Guesses what a mistyped name was meant to be.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace leat {

// The first name that begins with `typed` (3 letters or more), else the one that the fewest typing errors (a letter
// added, left out, changed, or two swapped) turn into `typed`; empty when it would take more than a third of its
// letters, and at least two, or one in a name of up to four.
std::optional<std::string> nearest_name(std::string_view typed, std::span<const std::string> names);

}  // namespace leat
