#include "jobs/due_time.h"

#include <nlohmann/json.hpp>

#include "core/text.h"
#include "jobs/names.h"
#include "leat/handler.h"

namespace leat {
namespace {

// A SystemTime counts nanoseconds: it ends in the year 2262.
constexpr auto kLatest = std::chrono::floor<std::chrono::milliseconds>(SystemTime::max().time_since_epoch());

}  // namespace

std::optional<SystemTime> due_time_of(const Headers& headers) {
  const auto text = headers.get(wire::kDue);
  if (!text) return std::nullopt;
  const auto milliseconds = parse_number(*text);
  if (!milliseconds) return SystemTime{};
  const auto count = static_cast<std::int64_t>(std::min<std::uint64_t>(*milliseconds, kLatest.count()));
  return SystemTime{std::chrono::milliseconds(count)};
}

std::optional<SystemTime> JobContext::scheduled_at() const {
  return due_time_of(headers());
}

std::string_view JobContext::schedule() const {
  return headers().get(wire::kSchedule).value_or("");
}

bool JobContext::is_catch_up() const {
  return headers().get(wire::kCatchUp) == wire::kYes;
}

void set_due_time(Message& job, SystemTime due) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(due.time_since_epoch()).count();
  job.headers.set(wire::kDue, std::to_string(std::max<std::int64_t>(milliseconds, 0)));
}

std::vector<std::uint64_t> versions_of(const StoredMessage& job) {
  std::vector<std::uint64_t> versions{job.sequence};
  const auto replaced = nlohmann::json::parse(job.headers.get(wire::kReplaces).value_or("[]"), nullptr, false);
  if (!replaced.is_array()) return versions;
  for (const auto& sequence : replaced) {
    if (sequence.is_number_unsigned()) versions.push_back(sequence.get<std::uint64_t>());
  }
  return versions;
}

}  // namespace leat
