// Which dead letters a command is about, as its options say it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "leat/dead_letters.h"

namespace leat::cli {

struct DeadSelection {
  std::uint64_t number = 0;  // of one alone; 0: those that the filter selects
  std::uint64_t limit = 0;   // 0: none was given
  std::uint64_t up_to = 0;   // 0: none was given
  bool all = false;
  DeadLetterFilter filter{};  // all but the two above

  DeadLetterFilter whole_filter() const;
  bool has_filter() const;
};

// --queue, --kind, --reason, --error, --older, --younger, --after, --up-to, --limit.
void add_filter(CLI::App& command, DeadSelection& target, const std::string& limit_description);
// The same, and NUMBER and --all.
void add_selection(CLI::App& command, DeadSelection& target);

// Ok, or kInvalidArgument when both a number and a filter are given, or nothing at all.
Result<void> check(const DeadSelection& selection);

}  // namespace leat::cli
