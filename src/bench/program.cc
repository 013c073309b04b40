#include "bench/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "leat/result.h"

namespace leat {

Program::Program(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>("leat")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error(ErrorCode::kInternal, "pipe failed");
  pid_ = fork();
  if (pid_ < 0) throw Error(ErrorCode::kInternal, "fork failed");
  if (pid_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execv(path.c_str(), argv.data());
    _exit(127);
  }
  close(ends[1]);
  output_ = fdopen(ends[0], "r");
}

Program::~Program() {
  std::fclose(output_);
  waitpid(pid_, nullptr, 0);
}

std::optional<std::string> Program::read_line() {
  char text[256];
  if (std::fgets(text, sizeof text, output_) == nullptr) return std::nullopt;
  std::string line = text;
  line.erase(line.find_last_not_of('\n') + 1);
  return line;
}

void Program::send(int signal) const {
  kill(pid_, signal);
}

std::size_t Program::resident() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  std::size_t all = 0;
  std::size_t pages = 0;
  file >> all >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace leat
