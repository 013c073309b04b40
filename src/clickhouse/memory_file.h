// Bytes that look like a file to who opens them by a path: in memory, gone when the object dies.
#pragma once

#include <string>
#include <string_view>

#include "leat/result.h"

namespace leat {

class MemoryFile {
 public:
  // Copies the bytes. kFull when there is no room for them.
  static Result<MemoryFile> of(std::string_view bytes);

  MemoryFile(MemoryFile&& other) noexcept;
  MemoryFile& operator=(MemoryFile&&) = delete;
  ~MemoryFile();

  // For this process alone.
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  explicit MemoryFile(int file) : file_(file) {}

  int file_;
};

}  // namespace leat
