// Starts other programs from a program with many threads.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "leat/result.h"

namespace leat::cli {

// A file descriptor with an owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor reading;
  Descriptor writing;
};

// Both ends close on exec. kUnavailable: no descriptors are left.
Result<Pipe> make_pipe();

struct ChildRequest {
  std::vector<std::string> arguments;    // the program's path first
  std::vector<std::string> environment;  // "NAME=value" each, all of it
  int input = -1;                        // what becomes descriptors 0, 1 and 2; below 0: the parent's own
  int output = -1;
  int error = -1;
  std::atomic<pid_t>* place = nullptr;  // where the child writes its id before it runs anything; shared memory
};

// The child leads a process group of its own, holds no other descriptor of ours, and is killed when the thread that
// started it ends. Collect it with collect_child(). A program that cannot be run ends at once with 127.
// kUnavailable: no process can be made.
Result<pid_t> start_child(const ChildRequest& request);

// Becomes readable when the child has ended. kUnavailable.
Result<Descriptor> watch_child(pid_t child);

// Waits until the child has ended; what wait(2) says.
int collect_child(pid_t child);

// "exit code 3", "killed by signal 9 (Killed)"
std::string describe_end(int wait_status);

}  // namespace leat::cli
