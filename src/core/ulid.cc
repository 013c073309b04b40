#include "core/ulid.h"

#include <pthread.h>
#include <sys/random.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace leat {
namespace {

// Counts the forks that led to this process: a child must not go on with its parent's random bits.
std::atomic<unsigned> g_forks{0};
const int g_fork_hook = pthread_atfork(nullptr, nullptr, [] { ++g_forks; });

struct Generator {
  unsigned forks = 0;
  std::uint64_t milliseconds = 0;
  std::uint64_t high = 0;  // 16 random bits
  std::uint64_t low = 0;   // 64 random bits
};

void draw_random(Generator& g) {
  std::array<std::uint64_t, 2> bits{};
  if (getrandom(bits.data(), sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) std::abort();
  g.high = bits[0] & 0x7fff;  // the top bit stays free for counting up
  g.low = bits[1];
}

void append_digits(char* out, std::uint64_t value, int count) {
  static constexpr char kDigits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  for (int i = count - 1; i >= 0; --i, value >>= 5) out[i] = kDigits[value & 31];
}

}  // namespace

void append_ulid(std::string& out, SystemTime now) {
  (void)g_fork_hook;
  thread_local Generator g;
  const auto milliseconds =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  if (const unsigned forks = g_forks.load(std::memory_order_relaxed); forks != g.forks) {
    g.forks = forks;
    g.milliseconds = 0;
  }
  if (milliseconds > g.milliseconds) {
    g.milliseconds = milliseconds;
    draw_random(g);
  } else if (++g.low == 0) {
    ++g.high;
  }
  std::array<char, kUlidSize> digits{};
  append_digits(digits.data(), g.milliseconds, 10);
  append_digits(digits.data() + 10, (g.high << 24) | (g.low >> 40), 8);
  append_digits(digits.data() + 18, g.low & 0xff'ffff'ffff, 8);
  out.append(digits.data(), digits.size());
}

std::string make_ulid(SystemTime now) {
  std::string id;
  id.reserve(kUlidSize);
  append_ulid(id, now);
  return id;
}

}  // namespace leat
