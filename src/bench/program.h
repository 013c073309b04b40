// A program of the benchmark's own: another role of this binary, in a process of its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace leat {

// Not thread-safe. Throws Error when it cannot be started. The destructor waits for its end.
class Program {
 public:
  // `arguments` without the program's name. Its standard output is what read_line() reads.
  Program(const std::string& path, const std::vector<std::string>& arguments);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Empty at the end of what it writes.
  std::optional<std::string> read_line();
  void send(int signal) const;
  // Of its memory, what is in RAM now; bytes.
  std::size_t resident() const;

 private:
  pid_t pid_ = -1;
  std::FILE* output_ = nullptr;
};

}  // namespace leat
