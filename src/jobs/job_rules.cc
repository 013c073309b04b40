#include "jobs/job_rules.h"

#include <algorithm>

#include "core/text.h"
#include "jobs/names.h"

namespace leat {
namespace {

using std::chrono::milliseconds;
constexpr unsigned kMostCrashes = 3;
constexpr std::uint64_t kMostAttempts = 1'000'000;

// A header that another client may have written: nothing when it is no number above 0 that can be counted with.
std::optional<std::uint64_t> number_of(const HeldJob& job, std::string_view header) {
  const auto text = job.delivery.message.headers.get(header);
  const auto number = text ? parse_number(*text) : std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(Duration::max()).count());
  return number && *number > 0 ? std::optional(std::min(*number, kMost)) : std::nullopt;
}

}  // namespace

Result<void> JobRules::check() const {
  for (const auto& [kind, entry] : handlers_) {
    const auto refused = [&kind = kind](std::string_view why) {
      return Error(ErrorCode::kInvalidArgument, "handler of kind \"" + kind + "\": " + std::string(why));
    };
    const HandlerOptions& options = entry.options;
    if (options.max_attempts == 0U) return refused("max_attempts is 0; a job needs 1 or more");
    if (options.timeout && *options.timeout < milliseconds(1)) return refused("timeout is less than 1 ms");
    if (options.retry) {
      if (auto checked = options.retry->check(); !checked) return refused(checked.error().message());
    }
  }
  return {};
}

const HandlerEntry* JobRules::handler(const HeldJob& job) const {
  const auto found = handlers_.find(job.delivery.message.headers.get(wire::kKind).value_or(""));
  return found == handlers_.end() ? nullptr : &found->second;
}

unsigned JobRules::max_attempts(const HeldJob& job) const {
  if (const auto own = number_of(job, wire::kMaxAttempts)) {
    return static_cast<unsigned>(std::min(*own, kMostAttempts));
  }
  const HandlerEntry* entry = handler(job);
  return entry != nullptr && entry->options.max_attempts ? *entry->options.max_attempts : options_.max_attempts;
}

RetryPolicy JobRules::retry(const HeldJob& job) const {
  if (const auto text = job.delivery.message.headers.get(wire::kRetry)) {
    if (auto own = RetryPolicy::from_json(*text)) return std::move(*own);
  }
  const HandlerEntry* entry = handler(job);
  return entry != nullptr && entry->options.retry ? *entry->options.retry : options_.retry;
}

std::optional<Duration> JobRules::timeout(const HeldJob& job, const HandlerEntry& handler) {
  if (const auto own = number_of(job, wire::kTimeout)) return milliseconds(*own);
  return handler.options.timeout;
}

std::optional<SystemTime> JobRules::deadline(const HeldJob& job) {
  const auto own = number_of(job, wire::kDeadline);
  return own ? std::optional(SystemTime(milliseconds(*own))) : std::nullopt;
}

bool JobRules::is_exhausted(const HeldJob& job) const {
  return keeps_crashing(job) || job.record.attempts() >= max_attempts(job);
}

bool JobRules::keeps_crashing(const HeldJob& job) {
  return job.record.crashed >= kMostCrashes;
}

}  // namespace leat
