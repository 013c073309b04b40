// Another process that a test starts, listens to and kills.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace leat::test {

// Not thread-safe. The destructor kills the process (by its id) and collects it; it dies with its parent too.
class ChildProcess {
 public:
  // Runs a program (its path, then its arguments) with its standard output in a pipe.
  explicit ChildProcess(const std::vector<std::string>& command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next whole line; empty when the output ended or nothing came before the deadline.
  std::optional<std::string> read_line(std::chrono::milliseconds deadline = std::chrono::seconds(10));

  pid_t pid() const { return pid_; }
  void send_signal(int signal) const;
  // Waits until it has ended; what wait(2) says, the same again later.
  int wait();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
  std::optional<int> status_;
};

// The path of the running program: a child that is another role of the same program.
std::string own_program();

}  // namespace leat::test
