#include "cli/command_options.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>

#include "core/text.h"

namespace leat::cli {
namespace {

Duration duration_or_throw(const std::string& option, const std::string& text, Duration least) {
  const auto parsed = parse_duration(text);
  if (!parsed) throw CLI::ValidationError(option, parsed.error().message());
  if (*parsed < least)
    throw CLI::ValidationError(option, "\"" + text + "\" is too short: it is " + format_duration(least) + " or more");
  return *parsed;
}

// The same moment in a year that every time can have.
bool is_of_another_age(const std::string& text) {
  constexpr std::size_t kYear = 4;
  return text.size() > kYear && parse_number(text.substr(0, kYear)) && from_rfc3339("2024" + text.substr(kYear));
}

SystemTime time_or_throw(const std::string& option, const std::string& text, const std::string& or_else = {}) {
  if (const auto time = from_rfc3339(text)) return *time;
  if (is_of_another_age(text))
    throw CLI::ValidationError(option, "\"" + text + "\" is out of reach: times are in the years 1678 to 2261");
  throw CLI::ValidationError(option, "\"" + text +
                                         "\" is no time: write it as 2026-01-31T12:00:00Z or with an offset, "
                                         "2026-01-31T12:00:00+01:00" +
                                         or_else);
}

template <class Target>
CLI::Option* add_any_duration(CLI::App& command, const std::string& name, Target& target,
                              const std::string& description, Duration least) {
  return command
      .add_option_function<std::string>(
          name, [name, &target, least](const std::string& text) { target = duration_or_throw(name, text, least); },
          description)
      ->type_name("DURATION");
}

std::string with_default(const std::string& description, Duration value) {
  return value == Duration{0} ? description : description + " [" + format_duration(value) + "]";
}

template <class Target>
CLI::Option* add_any_max_attempts(CLI::App& command, Target& target, const std::string& otherwise) {
  return command.add_option("--max-attempts", target, "Attempts before a job is dead [" + otherwise + "]")
      ->check(CLI::Range(1U, 1'000'000U))
      ->type_name("N");
}

Storage storage_or_throw(const std::string& text) {
  if (text == "file") return Storage::kFile;
  if (text == "memory") return Storage::kMemory;
  throw CLI::ValidationError("--storage", "\"" + text + "\": use file or memory");
}

double factor_or_throw(const std::string& text) {
  double factor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor, std::chars_format::fixed);
  const bool fits = factor >= 1 && factor <= 1000;
  if (error == std::errc{} && end == text.data() + text.size() && fits) return factor;
  throw CLI::ValidationError("--retry-factor", "\"" + text + "\": write a number from 1 to 1000");
}

void add_any_retry(CLI::App& command, const std::function<RetryPolicy&()>& target) {
  const auto duration = [&](const std::string& name, Duration RetryPolicy::*field, const std::string& description) {
    command
        .add_option_function<std::string>(
            name,
            [name, target, field](const std::string& text) { target().*field = duration_or_throw(name, text, {}); },
            with_default(description, RetryPolicy{}.*field))
        ->type_name("DURATION");
  };
  duration("--retry-first", &RetryPolicy::first, "Wait before the second attempt");
  command
      .add_option_function<std::string>(
          "--retry-factor", [target](const std::string& text) { target().factor = factor_or_throw(text); },
          "Each wait is this many times the one before [2]")
      ->type_name("X");
  duration("--retry-longest", &RetryPolicy::longest, "No wait is longer");
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
          name, [name, &target](const std::string& text) { target = time_or_throw(name, text); }, description)
      ->type_name("TIME");
}

CLI::Option* add_time_or_duration(CLI::App& command, const std::string& name, std::optional<SystemTime>& target,
                                  const std::string& description) {
  return command
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            const SystemTime now = real_clock().now();
            const auto from_now = parse_duration(text);
            target = !from_now                             ? time_or_throw(name, text, "; or as 2h, from now")
                     : *from_now > SystemTime::max() - now ? SystemTime::max()
                                                           : now + *from_now;
          },
          description)
      ->type_name("TIME|DURATION");
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, Duration& target, const std::string& description,
                          Duration least) {
  return add_any_duration(command, name, target, with_default(description, target), least);
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, std::optional<Duration>& target,
                          const std::string& description, Duration least) {
  return add_any_duration(command, name, target, description, least);
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

CLI::Option* add_max_attempts(CLI::App& command, unsigned& target) {
  return add_any_max_attempts(command, target, std::to_string(target));
}

CLI::Option* add_max_attempts(CLI::App& command, std::optional<unsigned>& target) {
  return add_any_max_attempts(command, target, "the worker's");
}

void add_retry(CLI::App& command, RetryPolicy& target) {
  add_any_retry(command, [&target]() -> RetryPolicy& { return target; });
}

void add_retry(CLI::App& command, std::optional<RetryPolicy>& target) {
  add_any_retry(command, [&target]() -> RetryPolicy& { return target ? *target : target.emplace(); });
}

void add_namespace_settings(CLI::App& command, NamespaceOptions& target) {
  const auto variable = [](CLI::Option* option, const std::string& name) {
    option->envname(name)->group(
        "Streams and buckets that are missing are made with these; all programs need the same");
  };
  variable(command.add_option("--replicas", target.replicas, "Copies on a cluster, 1 to 5 [1]")
               ->check(CLI::Range(1U, 5U))
               ->type_name("N"),
           "LEAT_REPLICAS");
  variable(command
               .add_option_function<std::string>(
                   "--storage", [&target](const std::string& text) { target.storage = storage_or_throw(text); },
                   "On NATS: file or memory [file]")
               ->type_name("file|memory"),
           "LEAT_STORAGE");
  variable(add_duration(command, "--max-age", target.max_age, "Jobs are removed after so long in their queue [never]"),
           "LEAT_MAX_AGE");
  variable(command
               .add_option("--max-unsettled", target.max_unsettled,
                           "Jobs of a queue and priority with workers or waiting for a retry [65536]")
               ->check(CLI::Range(1U, std::numeric_limits<std::uint32_t>::max()))
               ->type_name("N"),
           "LEAT_MAX_UNSETTLED");
  variable(add_duration(command, "--result-ttl", target.result_ttl, "How long results are kept"), "LEAT_RESULT_TTL");
  variable(command.add_flag("--dlq,!--no-dlq", target.enable_dlq, "Keep dead letters [yes]"), "LEAT_DLQ");
}

CLI::Option* add_chdb(CLI::App& command, std::string& target) {
  return command.add_option("--chdb", target, "libchdb.so, for chdb: [looked for in node_modules]")
      ->envname("LEAT_CHDB")
      ->type_name("FILE");
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::pair<std::string, std::string> split_pair(const std::string& option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0)
    throw CLI::ValidationError(option, "\"" + text + "\": write a name, `=` and a value");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace leat::cli
