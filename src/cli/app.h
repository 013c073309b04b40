// The composition root of the command line: what every command shares, made when it is first asked for.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "leat/broker.h"
#include "leat/log.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat::cli {

// What the command line and the environment say to every command.
struct GlobalOptions {
  std::string url{};  // empty: none was given
  NamespaceOptions name_space{};
  bool json = false;
  std::optional<LogLevel> log_level{};  // else the command's own default
};

// What a process of this program ends with.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
};

// Not thread-safe. Outlives everything that a command makes.
class App {
 public:
  // A command: returns the exit code. kInvalidArgument ends as kExitUsage, any other error as kExitFailure.
  using Action = std::function<Result<int>(App&)>;

  GlobalOptions options{};

  // Commands call it while the command line is parsed; the last one counts.
  void choose(Action action) { action_ = std::move(action); }
  // Runs the chosen command, prints its error, and returns the exit code.
  int run();

  // The broker at `--url`, opened by the first call. Errors: as open_broker(); kInvalidArgument when there is no URL,
  // or the namespace is none.
  Result<Broker*> broker() { return broker(WhenMissing::kCreate); }
  // The same for commands that store nothing new: kNotFound when it is a file that is missing.
  Result<Broker*> existing_broker() { return broker(WhenMissing::kFail); }
  // To standard error, from `--log-level` up, or from `fallback` unless that is given. The first call decides.
  Log& log(LogLevel fallback = LogLevel::kWarn);

  // Writes to standard output: a line of text; JSON in one line (bytes that are not UTF-8 are replaced).
  void print(std::string_view line) const;
  void print_json(const nlohmann::json& value) const;

 private:
  enum class WhenMissing { kCreate, kFail };
  Result<Broker*> broker(WhenMissing when_missing);

  Action action_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Broker> broker_;
};

// Writes an error to standard error: `leat: what: remedy`, or {"error":{"code":..., "message":...}}.
void print_error(const GlobalOptions& options, const Error& error);

// The exit code that stands for an error.
int exit_code(const Error& error);

}  // namespace leat::cli
