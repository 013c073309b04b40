#include "cli/group_guard.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace leat::cli {
namespace {

constexpr std::size_t kPlaces = 10'000;
constexpr pid_t kFree = 0;
constexpr pid_t kTaken = -1;  // a command is about to start there

Error no_guard(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + std::strerror(errno)};
}

}  // namespace

void GroupGuard::Note::release() {
  if (place_ != nullptr) place_->store(kFree);
  place_ = nullptr;
}

Result<std::unique_ptr<GroupGuard>> GroupGuard::start() {
  static_assert(std::atomic<pid_t>::is_always_lock_free);  // what two processes share
  void* memory =
      mmap(nullptr, kPlaces * sizeof(std::atomic<pid_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return no_guard("cannot share memory with a process");
  auto* places = static_cast<std::atomic<pid_t>*>(memory);
  std::uninitialized_value_construct_n(places, kPlaces);
  std::unique_ptr<GroupGuard> guard(new GroupGuard(Places(places, kPlaces)));
  auto pipe = make_pipe();
  if (!pipe) return pipe.error();
  // No signal ends it: it ends with the worker.
  sigset_t all;
  sigset_t previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  guard->guard_ = fork();
  const int failure = errno;
  if (guard->guard_ == 0) watch(pipe->reading.get(), guard->places_);
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  errno = failure;
  if (guard->guard_ < 0) return no_guard("cannot start a process");
  guard->alive_ = std::move(pipe->writing);
  return guard;
}

GroupGuard::~GroupGuard() {
  alive_.reset();
  if (guard_ > 0) collect_child(guard_);
  munmap(places_.data(), places_.size_bytes());
}

GroupGuard::Note GroupGuard::note() {
  for (std::atomic<pid_t>& place : places_) {
    pid_t expected = kFree;
    if (place.load() == kFree && place.compare_exchange_strong(expected, kTaken)) return Note(&place);
  }
  return {};
}

// What the guard does. It is a forked part of a program with threads: nothing here may allocate or lock.
void GroupGuard::watch(int worker, Places places) {
  setsid();
  prctl(PR_SET_NAME, "leat-guard");
  if (dup2(worker, STDIN_FILENO) < 0) _exit(1);
  syscall(SYS_close_range, 1U, ~0U, 0U);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
  }
  // A command that was about to start dies with the worker, or is noted in a moment.
  constexpr int kLooks = 20;
  constexpr int kBetweenLooksMs = 50;
  for (int look = 0; look < kLooks && !kill_noted(places); ++look) poll(nullptr, 0, kBetweenLooksMs);
  _exit(0);
}

// False while a place is taken and names no group.
bool GroupGuard::kill_noted(Places places) {
  bool all_known = true;
  for (std::atomic<pid_t>& place : places) {
    const pid_t group = place.load();
    if (group > 0) kill(-group, SIGKILL);
    if (group == kTaken) all_known = false;
  }
  return all_known;
}

}  // namespace leat::cli
