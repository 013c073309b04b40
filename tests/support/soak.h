// Whether tests that can take long are to do so.
#pragma once

#include <cstdlib>
#include <string_view>

namespace leat::test {

inline bool is_soak() {
  const char* soak = std::getenv("LEAT_SOAK");
  return soak != nullptr && std::string_view(soak) == "1";
}

}  // namespace leat::test
