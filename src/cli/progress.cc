#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli/table.h"

namespace leat::cli {
namespace {

constexpr std::size_t kAssumedWidth = 80;

std::size_t terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? std::size_t{size.ws_col} - 1 : kAssumedWidth;
}

}  // namespace

Progress::Style Progress::style_for_stderr(Style otherwise) {
  return isatty(STDERR_FILENO) == 1 ? Style::kTerminal : otherwise;
}

void Progress::show(std::string_view line) {
  if (style_ == Style::kNone) return;
  const Duration apart =
      style_ == Style::kTerminal ? Duration(std::chrono::milliseconds(100)) : std::chrono::seconds(2);
  const SteadyTime now = real_clock().steady();
  if (shown_ != SteadyTime::min() && now - shown_ < apart) return;
  shown_ = now;
  std::string text(line);
  if (style_ == Style::kTerminal) {
    text = "\r" + cut_to(line, terminal_width()) + "\033[K";
    drawn_ = true;
  } else {
    text += '\n';
  }
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void Progress::clear() {
  if (!drawn_) return;
  std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace leat::cli
