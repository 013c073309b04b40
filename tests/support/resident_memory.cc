#include "tests/support/resident_memory.h"

#include <unistd.h>

#include <fstream>

namespace leat::test {

std::int64_t resident_memory() {
  std::int64_t all = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  return false;
#endif
}

}  // namespace leat::test
