#include "cli/app.h"

#include <cstdio>

#include "jobs/names.h"
#include "leat/open.h"

namespace leat::cli {
namespace {

std::string text_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void write_line(std::FILE* file, std::string_view line) {
  std::string text(line);
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), file);
}

// "invalid argument" is "invalid_argument" to a program.
std::string code_name(ErrorCode code) {
  std::string name(to_string(code));
  for (char& c : name) {
    if (c == ' ') c = '_';
  }
  return name;
}

}  // namespace

void print_error(const GlobalOptions& options, const Error& error) {
  if (options.json) {
    const nlohmann::json body{{"code", code_name(error.code())}, {"message", error.message()}};
    write_line(stderr, text_of({{"error", body}}));
  } else {
    write_line(stderr, "leat: " + error.message());
  }
}

int exit_code(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailure;
}

int App::run() {
  const Result<int> ended = action_(*this);
  if (!ended) {
    print_error(options, ended.error());
    return exit_code(ended.error());
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    print_error(options, {ErrorCode::kFull, "cannot write to standard output: see where it goes"});
    return kExitFailure;
  }
  return *ended;
}

Result<Broker*> App::broker(WhenMissing when_missing) {
  if (broker_) return broker_.get();
  if (options.url.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "no broker is named: give --url or set LEAT_URL, for example to sqlite:jobs.db or "
                 "nats://localhost:4222");
  }
  if (options.url.starts_with("memory:")) {
    return Error(ErrorCode::kInvalidArgument,
                 "memory: ends with this command, and its jobs with it: use a file, as in sqlite:jobs.db");
  }
  if (auto named = Names(options.name_space).check(); !named) return named.error();
  auto opened = open_broker(options.url, {.create = when_missing == WhenMissing::kCreate, .log = &log()});
  if (!opened) return opened.error();
  broker_ = std::move(*opened);
  return broker_.get();
}

Log& App::log(LogLevel fallback) {
  if (!log_) log_ = make_stderr_log(options.log_level.value_or(fallback));
  return *log_;
}

void App::print(std::string_view line) const {
  write_line(stdout, line);
}

void App::print_json(const nlohmann::json& value) const {
  write_line(stdout, text_of(value));
}

}  // namespace leat::cli
