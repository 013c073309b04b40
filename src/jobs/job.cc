#include "leat/job.h"

#include <algorithm>

#include "broker/config_checks.h"
#include "core/text.h"

namespace leat {
namespace {

std::string_view token(std::string_view id, int number) {
  for (; number > 0; --number) id.remove_prefix(id.find('.') + 1);
  return id.substr(0, id.find('.'));
}

constexpr std::size_t kLongestKind = 128;

}  // namespace

std::string_view to_string(Priority priority) {
  switch (priority) {
    case Priority::kHigh: return "high";
    case Priority::kMedium: return "medium";
    case Priority::kLow: return "low";
  }
  return "";
}

std::optional<Priority> parse_priority(std::string_view text) {
  for (const Priority priority : kPriorities) {
    if (to_string(priority) == text) return priority;
  }
  return std::nullopt;
}

JobId::JobId(Priority priority, std::string_view queue, std::string_view key) {
  const std::string_view level = to_string(priority);
  text_.reserve(level.size() + queue.size() + key.size() + 2);
  text_.append(level).append(".").append(queue).append(".").append(key);
}

Result<JobId> JobId::parse(std::string_view text) {
  const auto refused = [&] {
    return Error(ErrorCode::kInvalidArgument, "\"" + std::string(text.substr(0, 200)) +
                                                  "\" is no job id; one looks like medium.default.01J9ZK3V5T...");
  };
  if (std::count(text.begin(), text.end(), '.') != 2 || !check_key(text)) return refused();
  JobId id;
  id.text_ = text;
  if (!parse_priority(token(text, 0)) || !is_plain_name(id.queue())) return refused();
  return id;
}

Priority JobId::priority() const {
  return parse_priority(token(text_, 0)).value_or(Priority::kMedium);
}
std::string_view JobId::queue() const {
  return token(text_, 1);
}
std::string_view JobId::key() const {
  return token(text_, 2);
}

Result<void> check_queue_name(std::string_view name) {
  if (is_plain_name(name)) return {};
  return Error(ErrorCode::kInvalidArgument,
               "queue name \"" + std::string(name.substr(0, 200)) + "\": use 1 to 64 letters, digits, `_` or `-`");
}

Result<void> check_job_kind(std::string_view kind) {
  const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
  if (!kind.empty() && kind.size() <= kLongestKind && std::all_of(kind.begin(), kind.end(), plain)) return {};
  return Error(ErrorCode::kInvalidArgument, "job kind \"" + std::string(kind.substr(0, 200)) +
                                                "\": use 1 to 128 printable characters without spaces");
}

}  // namespace leat
