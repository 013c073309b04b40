#include "cli/dead_edit.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <iterator>

#include "cli/command_options.h"
#include "jobs/names.h"

namespace leat::cli {

namespace {

// The options of a job may go; what else is leat's or the broker's own makes it the job that it is.
Result<void> check_dropped(const DeadLetter& letter, const std::string& name) {
  const auto refused = [&](const std::string& why) {
    return Error(ErrorCode::kInvalidArgument, "--drop-header " + name + ": " + why);
  };
  if (name == wire::kKind) return refused("a job has a kind; --set-kind gives it another");
  constexpr std::array kOptions{wire::kMaxAttempts, wire::kRetry,  wire::kTimeout,
                                wire::kDeadline,    wire::kResult, wire::kTrack};
  const bool is_option = std::find(kOptions.begin(), kOptions.end(), name) != kOptions.end();
  if (wire::is_reserved(name) && !is_option) return refused("it belongs to leat or the broker, and stays");
  if (letter.headers.get(name)) return {};
  return refused("dead letter " + std::to_string(letter.number) + " has no such header: see leat dead show " +
                 std::to_string(letter.number));
}

}  // namespace

void add_edit(CLI::App& command, DeadEditOptions& target) {
  command.add_option("--payload", target.payload, "With NUMBER: another payload; - reads it from standard input")
      ->type_name("DATA");
  command.add_option("--set-kind", target.kind, "With NUMBER: another kind")->type_name("KIND");
  command
      .add_option_function<std::vector<std::string>>(
          "--set-header",
          [&target](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const auto [name, value] = split_pair("--set-header", text);
              target.headers.set(name, value);
            }
          },
          "With NUMBER: a header, or an option as Leat-Max-Attempts=9; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command.add_option("--drop-header", target.dropped_headers, "With NUMBER: without this header; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

Result<DeadLetterEdit> make_edit(DeadLetters& dead, std::uint64_t number, const DeadEditOptions& options) {
  DeadLetterEdit edit{.payload = options.payload, .kind = options.kind};
  if (options.payload == "-") {
    edit.payload = std::string(std::istreambuf_iterator<char>(std::cin), {});
    if (std::cin.bad()) return Error(ErrorCode::kUnavailable, "standard input cannot be read: see what it is");
  }
  if (options.headers.empty() && options.dropped_headers.empty()) return edit;
  const auto letter = dead.get(number);
  if (!letter) return letter.error();
  edit.headers = letter->headers;
  for (const std::string& name : options.dropped_headers) {
    if (const auto checked = check_dropped(*letter, name); !checked) return checked.error();
    edit.headers->erase(name);
  }
  for (const auto& [name, value] : options.headers) edit.headers->set(name, value);
  return edit;
}

}  // namespace leat::cli
