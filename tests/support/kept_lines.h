// A log that keeps what was written to it, a line each: message, name=value ...
#pragma once

#include <string>
#include <vector>

#include "core/mutex.h"
#include "leat/log.h"

namespace leat::test {

// Warnings and errors unless it is to keep more. Thread-safe.
class KeptLines : public Log {
 public:
  explicit KeptLines(LogLevel least = LogLevel::kWarn) : Log(least) {}
  std::vector<std::string> all() const {
    MutexLock lock(mutex_);
    return lines_;
  }
  // How many of them have this part.
  std::size_t with(std::string_view part) const {
    std::size_t count = 0;
    for (const std::string& line : all()) count += line.find(part) != line.npos ? 1 : 0;
    return count;
  }

 protected:
  void write(LogLevel /*level*/, std::string_view message, std::initializer_list<LogField> fields) override {
    std::string line(message);
    for (const LogField& field : fields) line.append(" ").append(field.name).append("=").append(field.value);
    MutexLock lock(mutex_);
    lines_.push_back(std::move(line));
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat::test
