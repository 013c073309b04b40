// Options that several commands have, and the end that every help text has.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "leat/job.h"
#include "leat/message.h"
#include "leat/namespace_options.h"
#include "leat/retry_policy.h"

namespace leat::cli {

// What a command's `--help` ends with: where the options of all commands are told, and an example.
void end_help_with(CLI::App& command, const std::string& example);

// Options whose text is checked while the command line is parsed. The target outlives the command.
// The description ends with what the target is now, if that is more than nothing. `least` is the shortest allowed.
CLI::Option* add_duration(CLI::App& command, const std::string& name, Duration& target, const std::string& description,
                          Duration least = Duration{0});
CLI::Option* add_duration(CLI::App& command, const std::string& name, std::optional<Duration>& target,
                          const std::string& description, Duration least = Duration{0});
// RFC 3339: "2026-01-31T12:00:00Z", "2026-01-31T12:00:00+01:00".
CLI::Option* add_time(CLI::App& command, const std::string& name, std::optional<SystemTime>& target,
                      const std::string& description);
// The same, or a duration from now.
CLI::Option* add_time_or_duration(CLI::App& command, const std::string& name, std::optional<SystemTime>& target,
                                  const std::string& description);
CLI::Option* add_queue_name(CLI::App& command, std::string& target);
CLI::Option* add_queue_name(CLI::App& command, std::optional<std::string>& target);
CLI::Option* add_queue_argument(CLI::App& command, std::string& target);
CLI::Option* add_priority(CLI::App& command, Priority& target);
CLI::Option* add_priority(CLI::App& command, std::optional<Priority>& target);
// A whole number from `least` on; a name without dashes makes it an argument. `remedy` says what to write.
CLI::Option* add_number(CLI::App& command, const std::string& name, std::uint64_t& target, std::uint64_t least,
                        const std::string& remedy, const std::string& description);
// Repeated: `--header name=value`.
CLI::Option* add_headers(CLI::App& command, Headers& target);
CLI::Option* add_max_attempts(CLI::App& command, unsigned& target);
CLI::Option* add_max_attempts(CLI::App& command, std::optional<unsigned>& target);
// --retry-first, --retry-factor, --retry-longest. An empty target is set by the first of them.
void add_retry(CLI::App& command, RetryPolicy& target);
void add_retry(CLI::App& command, std::optional<RetryPolicy>& target);
// How the namespace's streams and buckets are made: --replicas and the others, or variables. Of a command that has
// others below it they are theirs, too.
void add_namespace_settings(CLI::App& command, NamespaceOptions& target);
// --chdb, or LEAT_CHDB: where ClickHouse's engine as a library is.
CLI::Option* add_chdb(CLI::App& command, std::string& target);

// "a,b" in two; an empty part is one, too.
std::vector<std::string> split_at_commas(const std::string& text);

// "kind=command" in two; throws CLI::ValidationError under the option's name when there is no `=` or no name.
std::pair<std::string, std::string> split_pair(const std::string& option, const std::string& text);

}  // namespace leat::cli
