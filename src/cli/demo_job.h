// The demo's job: read a file, and keep its SHA-256, its size and how many lines it has as the result.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "leat/json.h"
#include "leat/worker.h"

namespace leat::cli {

inline constexpr const char* kDemoHeaders = "headers";  // the queue of *.h and the like
inline constexpr const char* kDemoOthers = "others";    // the queue of all other files

struct HashFile {
  std::string path;
  unsigned fail_first = 0;  // so many attempts fail on purpose
  static constexpr std::string_view kind = "hash_file";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HashFile, path, fail_first)

struct FileFacts {
  std::string sha256;  // in hexadecimal
  std::uint64_t size = 0;
  std::uint64_t lines = 0;
  std::string worker{};  // who found out
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FileFacts, sha256, size, lines, worker)

// What a worker does: reads the file piece by piece. kUnavailable: it cannot be read.
Result<FileFacts> read_file_facts(const std::string& path);
// The same in another way, to check it: the file as a whole, and the digest by one call.
Result<FileFacts> compute_directly(const std::string& path);

// One job of the demo's plan, and where it goes.
struct PlannedJob {
  HashFile job;
  std::string queue;
  Priority priority = Priority::kMedium;
  bool will_die = false;  // its file is not there
  JobId id{};             // once it is enqueued
};

// A job for each readable regular file under the directory, by path, at most `limit`; small files have a high priority,
// large ones a low one; every 50th fails once or twice. Then five for files that do not exist. kNotFound: there is no
// such directory, or no file in it.
Result<std::vector<PlannedJob>> plan_demo(const std::filesystem::path& directory, std::size_t limit);

}  // namespace leat::cli
