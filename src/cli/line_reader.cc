#include "cli/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace leat::cli {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr int kPauseMs = 20;  // an input that is silent this long has paused

bool has_more_soon(int fd) {
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&readable, 1, kPauseMs) != 0;
}

}  // namespace

Result<std::vector<Line>> LineReader::read(std::size_t max_count) {
  std::vector<Line> lines;
  while (!take_lines(max_count, lines) && !ended_) {
    if (!lines.empty() && !has_more_soon(fd_)) break;
    if (auto filled = fill(); !filled) return filled.error();
  }
  return lines;
}

// True when there are enough.
bool LineReader::take_lines(std::size_t max_count, std::vector<Line>& lines) {
  while (lines.size() < max_count) {
    const auto end = buffer_.find('\n', std::max(begin_, searched_));
    if (end == buffer_.npos) {
      searched_ = buffer_.size();
      if (ended_ && begin_ < buffer_.size()) take_line(buffer_.size() - begin_, lines);
      begin_ = std::min(begin_, buffer_.size());
      return false;
    }
    take_line(end - begin_, lines);
  }
  return true;
}

void LineReader::take_line(std::size_t length, std::vector<Line>& lines) {
  std::string text = buffer_.substr(begin_, length);
  begin_ += length + 1;
  if (skipping_) {  // the end of a line that was reported
    skipping_ = false;
    return;
  }
  ++number_;
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return;
  const bool too_long = text.size() > max_bytes_;
  if (too_long) text.resize(max_bytes_);
  lines.push_back({number_, std::move(text), too_long});
}

Result<void> LineReader::fill() {
  buffer_.erase(0, begin_);
  searched_ -= std::min(begin_, searched_);
  begin_ = 0;
  if (skipping_) buffer_.clear();
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kChunk);
  ssize_t count = 0;
  do {
    count = ::read(fd_, buffer_.data() + before, kChunk);
  } while (count < 0 && errno == EINTR);
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  searched_ = std::min(searched_, buffer_.size());
  if (count < 0) return Error(ErrorCode::kUnavailable, std::string("cannot read the input: ") + std::strerror(errno));
  ended_ = count == 0;
  return {};
}

}  // namespace leat::cli
