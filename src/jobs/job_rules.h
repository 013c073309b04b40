// What holds for a job: its own headers say it, else the options of its kind, else those of the worker.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "jobs/held_job.h"
#include "leat/handler.h"
#include "leat/worker.h"

namespace leat {

// Looked up by string_view without making a string.
struct KindHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view kind) const { return std::hash<std::string_view>{}(kind); }
};

// One of the two handlers is there.
struct HandlerEntry {
  Handler blocking{};
  AsyncHandler asynchronous{};
  HandlerOptions options{};
};
using HandlerTable = std::unordered_map<std::string, HandlerEntry, KindHash, std::equal_to<>>;

// Thread-safe once the worker runs: nothing changes any more.
class JobRules {
 public:
  explicit JobRules(const WorkerOptions& options) : options_(options) {}

  void add(std::string_view kind, HandlerEntry handler) {
    handlers_.insert_or_assign(std::string(kind), std::move(handler));
  }
  std::size_t kinds() const { return handlers_.size(); }
  // Ok, or kInvalidArgument naming the kind and its option.
  Result<void> check() const;

  // Null when the worker has none for its kind.
  const HandlerEntry* handler(const HeldJob& job) const;
  unsigned max_attempts(const HeldJob& job) const;
  RetryPolicy retry(const HeldJob& job) const;
  static std::optional<Duration> timeout(const HeldJob& job, const HandlerEntry& handler);
  static std::optional<SystemTime> deadline(const HeldJob& job);

  // True when it may not begin once more.
  bool is_exhausted(const HeldJob& job) const;
  // True when its worker died under it too often.
  static bool keeps_crashing(const HeldJob& job);

 private:
  const WorkerOptions& options_;
  HandlerTable handlers_;
};

}  // namespace leat
