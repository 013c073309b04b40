// How much memory this process uses, for tests of it.
#pragma once

#include <cstdint>

namespace leat::test {

// In bytes, of main memory. Signed, for differences: it can shrink.
std::int64_t resident_memory();

// True under a sanitizer, whose own memory is in the figure: it says nothing then.
bool is_sanitized();

}  // namespace leat::test
