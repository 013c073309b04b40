#include "tests/support/process_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "core/mutex.h"
#include "core/thread.h"

namespace leat::test {
namespace {

// In the child, where another thread's lock may be held for ever: nothing that allocates.
[[noreturn]] void become(char* const* arguments, const char* log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  execv(arguments[0], arguments);
  _exit(127);
}

// A thread that lives as long as the program: PR_SET_PDEATHSIG looks at the thread that forked.
class Launcher {
 public:
  static Launcher& instance() {
    static Launcher launcher;
    return launcher;
  }

  pid_t start(const std::vector<std::string>& command, const std::string& log) {
    Order order{command, log};
    MutexLock lock(mutex_);
    orders_.push_back(&order);
    changed_.notify_all();
    changed_.wait(mutex_, [&] { return order.done; });
    return order.pid;
  }

 private:
  struct Order {
    const std::vector<std::string>& command;
    const std::string& log;
    bool done = false;
    pid_t pid = -1;
  };

  Launcher() {
    thread_ = start_thread("launcher", [this](const std::stop_token& stop) { run(stop); });
  }

  void run(const std::stop_token& stop) {
    MutexLock lock(mutex_);
    while (changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return !orders_.empty(); })) {
      Order& order = *orders_.back();
      orders_.pop_back();
      std::vector<char*> arguments;
      for (const std::string& argument : order.command) arguments.push_back(const_cast<char*>(argument.c_str()));
      arguments.push_back(nullptr);
      order.pid = fork();
      if (order.pid == 0) become(arguments.data(), order.log.c_str());
      order.done = true;
      changed_.notify_all();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<Order*> orders_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace

pid_t launch(const std::vector<std::string>& command, const std::string& log) {
  const pid_t pid = Launcher::instance().start(command, log);
  if (pid < 0) throw std::runtime_error("cannot start " + command.front());
  return pid;
}

bool wait_until_ready(pid_t pid, std::chrono::seconds most, const std::function<bool()>& ready) {
  const SteadyTime deadline = deadline_after(real_clock(), most);
  while (real_clock().steady() < deadline) {
    if (ready()) return true;
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) return false;
    sleep_for(real_clock(), std::chrono::milliseconds(20), {});
  }
  return false;
}

void end_process(pid_t pid, int signal) {
  kill(pid, signal);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace leat::test
