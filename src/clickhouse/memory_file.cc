#include "clickhouse/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace leat {

Result<MemoryFile> MemoryFile::of(std::string_view bytes) {
  MemoryFile file(memfd_create("leat-rows", MFD_CLOEXEC));
  while (file.file_ >= 0 && !bytes.empty()) {
    const ssize_t written = write(file.file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error(ErrorCode::kFull, std::string("no memory for rows: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (file.file_ < 0) return Error(ErrorCode::kFull, std::string("no file in memory: ") + std::strerror(errno));
  return file;
}

MemoryFile::MemoryFile(MemoryFile&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

MemoryFile::~MemoryFile() {
  if (file_ >= 0) close(file_);
}

}  // namespace leat
