#include "cli/dead_selection.h"

#include "cli/command_options.h"

namespace leat::cli {

DeadLetterFilter DeadSelection::whole_filter() const {
  DeadLetterFilter whole = filter;
  if (limit > 0) whole.limit = limit;
  if (up_to > 0) whole.up_to = up_to;
  return whole;
}

bool DeadSelection::has_filter() const {
  return filter.queue || filter.kind || filter.reason || filter.error || filter.older_than || filter.younger_than ||
         filter.after > 0 || up_to > 0;
}

void add_filter(CLI::App& command, DeadSelection& target, const std::string& limit_description) {
  DeadLetterFilter& filter = target.filter;
  add_queue_name(command, filter.queue);
  command.add_option("--kind", filter.kind, "Only of this kind")->type_name("KIND");
  command
      .add_option("--reason", filter.reason,
                  "Only for this reason: attempts, dead, undecodable, unknown_kind, crashed or deadline")
      ->check(CLI::IsMember({"attempts", "dead", "undecodable", "unknown_kind", "crashed", "deadline"}).description(""))
      ->type_name("REASON");
  command.add_option("--error", filter.error, "Only with this text in the error")->type_name("TEXT");
  add_duration(command, "--older", filter.older_than, "Only what died longer ago");
  add_duration(command, "--younger", filter.younger_than, "Only what died no longer ago");
  add_number(command, "--after", filter.after, 0, "write a whole number", "Only numbers above this one")
      ->type_name("NUMBER");
  add_number(command, "--up-to", target.up_to, 1, "write a whole number from 1 on", "Only numbers up to this one")
      ->type_name("NUMBER");
  add_number(command, "--limit", target.limit, 1, "write a whole number from 1 on", limit_description)->type_name("N");
}

void add_selection(CLI::App& command, DeadSelection& target) {
  add_number(command, "NUMBER", target.number, 1, "write a number that `leat dead list` shows",
             "As `leat dead list` shows it; without it, those that the options select");
  add_filter(command, target, "At most this many, the oldest");
  command.add_flag("--all", target.all, "All of them; needed when nothing else selects");
}

Result<void> check(const DeadSelection& selection) {
  const bool many = selection.has_filter() || selection.all || selection.limit > 0;
  if (selection.number > 0 && many) {
    return Error(ErrorCode::kInvalidArgument,
                 "NUMBER names one dead letter, the other options select several: give either");
  }
  if (selection.number > 0 || selection.has_filter() || selection.all) return {};
  return Error(ErrorCode::kInvalidArgument,
               "nothing says which dead letters: give a NUMBER, a filter such as --kind, or --all");
}

}  // namespace leat::cli
