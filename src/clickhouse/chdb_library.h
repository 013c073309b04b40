// libchdb, ClickHouse's engine as a library, loaded when the program runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/result.h"

namespace leat {

// The functions of its C interface that leat uses. Once loaded it stays: it has threads that end with the process.
// Thread-safe.
class ChdbLibrary {
 public:
  // The library from `path`, else from where leat/clickhouse.h says that it is looked for.
  // Errors: kNotFound (says how to get it), kUnavailable (it cannot be loaded here: says why).
  static Result<const ChdbLibrary*> load(const std::string& path);

  // An answer's bytes, or what the engine says is wrong.
  struct Answer {
    std::string bytes;
    std::optional<std::string> error;
  };

  // A line to the engine, for one query at a time.
  class Session {
   public:
    Session(const ChdbLibrary& library, void** handle) : library_(library), handle_(handle) {}
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Answer ask(std::string_view sql) const;

   private:
    const ChdbLibrary& library_;
    void** handle_;
  };

  // Null when the engine refuses the directory; it has said why on standard error.
  std::unique_ptr<Session> open(const std::string& directory) const;

 private:
  using Handle = void**;
  using Outcome = void;

  static Result<std::unique_ptr<ChdbLibrary>> load_from(const std::string& path);

  Handle (*connect_)(int, char**) = nullptr;
  void (*close_)(Handle) = nullptr;
  Outcome* (*query_)(void*, const char*, std::size_t, const char*, std::size_t) = nullptr;
  const char* (*error_)(Outcome*) = nullptr;
  char* (*buffer_)(Outcome*) = nullptr;
  std::size_t (*length_)(Outcome*) = nullptr;
  void (*destroy_)(Outcome*) = nullptr;
  void (*set_signal_handlers_)(int) = nullptr;
};

}  // namespace leat
