// Reads lines from a file descriptor as they come: all that is there, without waiting for more than the first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "leat/result.h"

namespace leat::cli {

struct Line {
  std::uint64_t number = 0;  // in the input, from 1
  std::string text;          // without its line break; a carriage return before it is dropped
  bool too_long = false;     // then the text is its beginning
};

// Not thread-safe. Borrows the descriptor.
class LineReader {
 public:
  // Of a line longer than `max_bytes` the rest is skipped.
  LineReader(int fd, std::size_t max_bytes) : fd_(fd), max_bytes_(max_bytes) {}

  // The next lines, at most `max_count`: waits for the first one, and returns what it has as soon as the input pauses.
  // Empty lines are left out but counted. Empty: the input has ended. kUnavailable: it cannot be read.
  Result<std::vector<Line>> read(std::size_t max_count);

 private:
  bool take_lines(std::size_t max_count, std::vector<Line>& lines);
  void take_line(std::size_t length, std::vector<Line>& lines);
  Result<void> fill();

  int fd_;
  std::size_t max_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of what has not been taken
  std::size_t searched_ = 0;  // no line break stands before it
  std::uint64_t number_ = 0;
  bool skipping_ = false;  // the rest of a line that was too long
  bool ended_ = false;
};

}  // namespace leat::cli
