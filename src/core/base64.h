// Bytes as text: standard base 64 (RFC 4648, section 4), with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leat {

std::string to_base64(std::string_view bytes);
// Empty when the text is none.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace leat
