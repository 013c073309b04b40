#include "broker/sqlite/lock_owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace leat::sqlite {
namespace {

std::string process_name(const std::string& process) {
  std::ifstream in("/proc/" + process + "/comm");
  std::string name;
  std::getline(in, name);
  return name;
}

// The process that holds a lock on this inode, from a line such as "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 0 EOF".
std::string holder_in(const std::string& line, ino_t inode) {
  std::istringstream words(line);
  std::string number, kind, mode, access, process, file;
  words >> number >> kind >> mode >> access >> process >> file;
  if (access != "WRITE" || !file.ends_with(":" + std::to_string(inode))) return {};
  return process == std::to_string(getpid()) ? std::string() : process;
}

}  // namespace

// Read from /proc, because opening the file and closing it again would end this process's own locks on it.
std::string lock_owner(const std::string& path) {
  struct stat facts {};
  for (const std::string& locked : {path, path + "-shm"}) {
    if (stat(locked.c_str(), &facts) != 0) continue;
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
      const std::string process = holder_in(line, facts.st_ino);
      if (!process.empty()) return "process " + process + " (" + process_name(process) + ")";
    }
  }
  return "another process";
}

}  // namespace leat::sqlite
