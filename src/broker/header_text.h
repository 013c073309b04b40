// Any text as the value of a header.
#pragma once

#include <string>
#include <string_view>

namespace leat {

// One line without control characters, 1000 bytes at most, no space at its ends; "(none)" when nothing is left.
std::string header_text(std::string_view text);

}  // namespace leat
