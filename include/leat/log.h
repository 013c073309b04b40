// Structured log: one line per event, a short constant message and named fields.
//
// The library writes to the Log that it was given (OpenOptions, WorkerOptions). Without one it is silent, but for
// warnings of streams, subscriptions and buckets that exist with other settings than were asked for: those go to
// standard error.
#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace leat {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

// "debug", "info", "warn", "error", "off"
std::string_view to_string(LogLevel level);

struct LogField {
  std::string_view name;
  std::string value;

  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const char* v) : name(n), value(v) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(v) {}
  template <class T>
  requires std::integral<T> LogField(std::string_view n, T v) : name(n), value(std::to_string(v)) {}
};

// Thread-safe. Must outlive everything that was given a reference to it.
class Log {
 public:
  explicit Log(LogLevel least) : least_(least) {}
  virtual ~Log() = default;

  bool enabled(LogLevel level) const { return level >= least_; }
  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    put(LogLevel::kDebug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    put(LogLevel::kInfo, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    put(LogLevel::kWarn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    put(LogLevel::kError, message, fields);
  }

 protected:
  // Writes one event. Called from any thread; must not throw.
  virtual void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) = 0;

 private:
  void put(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    if (enabled(level)) write(level, message, fields);
  }

  LogLevel least_;
};

// One line of text per event on standard error: `2026-01-31T12:00:00.123Z info job done job_id=... queue=...`.
std::unique_ptr<Log> make_stderr_log(LogLevel least = LogLevel::kInfo);

// Drops everything. Lives as long as the program.
Log& no_log();

}  // namespace leat
