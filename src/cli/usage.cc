#include "cli/usage.h"

#include "core/nearest_name.h"
#include "core/text.h"

namespace leat::cli {
namespace {

// The command that the line had reached.
const CLI::App& innermost(const CLI::App& root) {
  const CLI::App* command = &root;
  while (true) {
    const auto below = command->get_subcommands();
    if (below.empty()) return *command;
    command = below.front();
  }
}

std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

std::vector<std::string> commands_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* below : command.get_subcommands([](const CLI::App* any) { return !any->get_group().empty(); }))
    names.push_back(below->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* at = &command; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::string unexpected(const CLI::App& command, const std::string& word) {
  const bool is_option = word.size() > 1 && word.front() == '-';
  const std::vector<std::string> names = is_option ? options_of(command) : commands_of(command);
  const std::string typed = word.substr(0, word.find('='));
  if (!is_option && names.empty()) return "\"" + word + "\" is one argument too many";
  std::string text = "there is no " + std::string(is_option ? "option " : "command ") + typed;
  if (const auto nearest = nearest_name(typed, names)) text += ": did you mean " + *nearest + "?";
  return text;
}

}  // namespace

Error usage_error(const CLI::App& root, const CLI::ParseError& thrown) {
  const CLI::App& command = innermost(root);
  const std::string help = full_name(command) + " --help";
  std::string what = thrown.what();
  if (const auto left = root.remaining(true); !left.empty()) {
    what = unexpected(command, left.front());
  } else if (const auto names = commands_of(command); !names.empty()) {
    what = "a command is missing: one of " + joined(names);
  }
  const bool asks = what.ends_with('?');
  return {ErrorCode::kInvalidArgument, what + (asks ? " See " : ": see ") + help};
}

}  // namespace leat::cli
