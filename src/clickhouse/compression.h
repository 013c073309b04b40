// Compressed bytes for what goes over a network.
#pragma once

#include <string>
#include <string_view>

namespace leat {

enum class Compression { kNone, kGzip, kZstd };

// The name that HTTP has for it in Content-Encoding; empty for kNone.
std::string_view content_encoding(Compression how);

// At the fastest level, which is the right one in front of a socket. Empty for kNone.
std::string compress(std::string_view bytes, Compression how);

}  // namespace leat
