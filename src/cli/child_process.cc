#include "cli/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace leat::cli {
namespace {

constexpr int kCannotRun = 127;

Error unavailable(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + std::strerror(errno)};
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

void take_over(int from, int to) {
  if (from >= 0 && dup2(from, to) < 0) _exit(kCannotRun);
}

// What the child does until it is another program: nothing here may allocate or lock.
[[noreturn]] void become(const ChildRequest& request, char** arguments, char** environment, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotRun);
  if (request.place != nullptr) request.place->store(getpid());
  take_over(request.input, STDIN_FILENO);
  take_over(request.output, STDOUT_FILENO);
  take_over(request.error, STDERR_FILENO);
  // Libraries open descriptors of their own, and not all of them close on exec.
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) sigaction(number, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(arguments[0], arguments, environment);
  _exit(kCannotRun);
}

}  // namespace

void Descriptor::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return unavailable("cannot make a pipe");
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<pid_t> start_child(const ChildRequest& request) {
  const std::vector<char*> arguments = pointers_to(request.arguments);
  const std::vector<char*> environment = pointers_to(request.environment);
  const pid_t parent = getpid();
  // Until it is another program, no signal may run our handlers in the child.
  sigset_t all;
  sigset_t previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  const pid_t child = fork();
  if (child == 0) become(request, const_cast<char**>(arguments.data()), const_cast<char**>(environment.data()), parent);
  const int failure = errno;
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  errno = failure;
  if (child < 0) return unavailable("cannot start a process");
  setpgid(child, child);  // the child does it too: whoever comes first
  return child;
}

Result<Descriptor> watch_child(pid_t child) {
  Descriptor watch(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  if (!watch) return unavailable("cannot watch a process");
  return watch;
}

int collect_child(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string describe_end(int wait_status) {
  if (WIFEXITED(wait_status)) return "exit code " + std::to_string(WEXITSTATUS(wait_status));
  const int number = WTERMSIG(wait_status);
  return "killed by signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

}  // namespace leat::cli
