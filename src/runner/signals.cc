#include "runner/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace leat {
namespace {

std::array<int, 2> g_pipe{-1, -1};
std::array<struct sigaction, 2> g_previous{};
constexpr std::array kCaught{SIGINT, SIGTERM};

// Whichever thread gets the signal: threads of libraries do not block it.
void pass_on(int number) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(number);
  if (write(g_pipe[1], &byte, 1) < 0) errno = saved;
  errno = saved;
}

}  // namespace

Signals::Signals() {
  if (pipe2(g_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) g_pipe = {-1, -1};
  struct sigaction action {};
  action.sa_handler = pass_on;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kCaught.size(); ++i) sigaction(kCaught[i], &action, &g_previous[i]);
}

Signals::~Signals() {
  for (std::size_t i = 0; i < kCaught.size(); ++i) sigaction(kCaught[i], &g_previous[i], nullptr);
  for (int& end : g_pipe) {
    if (end >= 0) close(end);
    end = -1;
  }
}

int Signals::next(std::chrono::milliseconds max_wait) {
  pollfd readable{.fd = g_pipe[0], .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, static_cast<int>(max_wait.count())) <= 0) return 0;
  unsigned char number = 0;
  return read(g_pipe[0], &number, 1) == 1 ? number : 0;
}

void Signals::wake() {
  pass_on(0);
}

}  // namespace leat
