// `leat dead retry NUMBER --payload ...`: what is changed before a dead letter is retried.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "leat/dead_letters.h"

namespace leat::cli {

struct DeadEditOptions {
  std::optional<std::string> payload{};  // "-": standard input
  std::optional<std::string> kind{};
  Headers headers{};
  std::vector<std::string> dropped_headers{};

  bool empty() const { return !payload && !kind && headers.empty() && dropped_headers.empty(); }
};

void add_edit(CLI::App& command, DeadEditOptions& target);

// Reads the payload, and makes the headers of those that the letter has. Errors: as DeadLetters::get(); kUnavailable.
Result<DeadLetterEdit> make_edit(DeadLetters& dead, std::uint64_t number, const DeadEditOptions& options);

}  // namespace leat::cli
