#include "cli/command_options.h"

#include "core/text.h"

namespace leat::cli {
namespace {

Duration duration_or_throw(const std::string& option, const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed) throw CLI::ValidationError(option, parsed.error().message());
  return *parsed;
}

template <class Target>
CLI::Option* add_any_duration(CLI::App& command, const std::string& name, Target& target,
                              const std::string& description) {
  return command
      .add_option_function<std::string>(
          name, [name, &target](const std::string& text) { target = duration_or_throw(name, text); }, description)
      ->type_name("DURATION");
}

template <class Target>
CLI::Option* add_any_queue_name(CLI::App& command, const std::string& name, Target& target,
                                const std::string& description) {
  return command
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            if (const auto named = check_queue_name(text); !named)
              throw CLI::ValidationError(name, named.error().message());
            target = text;
          },
          description)
      ->type_name("NAME");
}

template <class Target>
CLI::Option* add_any_priority(CLI::App& command, Target& target, const std::string& description) {
  return command
      .add_option_function<std::string>(
          "--priority",
          [&target](const std::string& text) {
            const auto parsed = parse_priority(text);
            if (!parsed) throw CLI::ValidationError("--priority", "\"" + text + "\": use high, medium or low");
            target = *parsed;
          },
          description)
      ->type_name("LEVEL");
}

}  // namespace

void end_help_with(CLI::App& command, const std::string& example) {
  command.footer("Options of all commands (--url, --namespace, --json, --log-level): leat --help\n\nExample:\n  " +
                 example);
}

CLI::Option* add_time(CLI::App& command, const std::string& name, std::optional<SystemTime>& target,
                      const std::string& description) {
  return command
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            target = from_rfc3339(text);
            if (!target) {
              throw CLI::ValidationError(name, "\"" + text +
                                                   "\" is no time: write it as 2026-01-31T12:00:00Z or with an "
                                                   "offset, 2026-01-31T12:00:00+01:00");
            }
          },
          description)
      ->type_name("TIME");
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, Duration& target,
                          const std::string& description) {
  return add_any_duration(command, name, target, description + " [" + format_duration(target) + "]");
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, std::optional<Duration>& target,
                          const std::string& description) {
  return add_any_duration(command, name, target, description);
}

CLI::Option* add_queue_name(CLI::App& command, std::string& target) {
  return add_any_queue_name(command, "--queue", target,
                            "The queue" + (target.empty() ? std::string() : " [" + target + "]"));
}

CLI::Option* add_queue_name(CLI::App& command, std::optional<std::string>& target) {
  return add_any_queue_name(command, "--queue", target, "Only of this queue");
}

CLI::Option* add_queue_argument(CLI::App& command, std::string& target) {
  return add_any_queue_name(command, "QUEUE", target, "Its name")->required();
}

CLI::Option* add_priority(CLI::App& command, Priority& target) {
  return add_any_priority(command, target, "high, medium or low [" + std::string(to_string(target)) + "]");
}

CLI::Option* add_priority(CLI::App& command, std::optional<Priority>& target) {
  return add_any_priority(command, target, "Only high, medium or low [all]");
}

CLI::Option* add_number(CLI::App& command, const std::string& name, std::uint64_t& target, std::uint64_t least,
                        const std::string& remedy, const std::string& description) {
  return command.add_option_function<std::string>(
      name,
      [name, &target, least, remedy](const std::string& text) {
        const auto number = parse_number(text);
        if (!number || *number < least) throw CLI::ValidationError(name, "\"" + text + "\": " + remedy);
        target = *number;
      },
      description);
}

CLI::Option* add_headers(CLI::App& command, Headers& target) {
  return command
      .add_option_function<std::vector<std::string>>(
          "--header",
          [&target](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const auto [name, value] = split_pair("--header", text);
              target.set(name, value);
            }
          },
          "A header of the job; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

std::pair<std::string, std::string> split_pair(const std::string& option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0)
    throw CLI::ValidationError(option, "\"" + text + "\": write a name, `=` and a value");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace leat::cli
