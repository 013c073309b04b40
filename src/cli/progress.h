// Shows how far long work has come, on standard error.
#pragma once

#include <string_view>

#include "leat/clock.h"

namespace leat::cli {

// On a terminal one line that is drawn again and again; elsewhere a line now and then. Not thread-safe.
class Progress {
 public:
  enum class Style {
    kTerminal,  // redrawn at most ten times a second
    kLines,     // a line every two seconds
    kNone,
  };

  explicit Progress(Style style) : style_(style) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // kTerminal when standard error is one, else `otherwise`.
  static Style style_for_stderr(Style otherwise);

  // Shows the line unless the last one is too young.
  void show(std::string_view line);
  // Takes the redrawn line away, so that other output can follow.
  void clear();

 private:
  Style style_;
  SteadyTime shown_ = SteadyTime::min();
  bool drawn_ = false;
};

}  // namespace leat::cli
