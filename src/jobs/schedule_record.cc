#include "jobs/schedule_record.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base64.h"
#include "core/text.h"

namespace leat {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr Duration kJitterLimit = std::chrono::hours(24);
constexpr std::int64_t kMostMs = std::chrono::floor<milliseconds>(Duration::max()).count();  // that a Duration holds

// What is longer than can be stored is stored as the longest.
std::int64_t to_ms(Duration duration) {
  return std::min<std::int64_t>(std::chrono::ceil<milliseconds>(duration).count(), kMostMs);
}
std::int64_t to_ms(SystemTime time) {
  return std::max<std::int64_t>(std::chrono::floor<milliseconds>(time.time_since_epoch()).count(), -kMostMs);
}

milliseconds ms_at(const json& from, const char* name) {
  const json& count = from.at(name);
  if (std::abs(count.get<double>()) <= static_cast<double>(kMostMs)) return milliseconds(count.get<std::int64_t>());
  throw Error(ErrorCode::kCorrupt, std::string(name) + " is out of range");
}
Duration duration_at(const json& from, const char* name) {
  const Duration duration = from.contains(name) ? ms_at(from, name) : Duration{0};
  if (duration < Duration{0}) throw Error(ErrorCode::kCorrupt, std::string(name) + " is negative");
  return duration;
}
std::optional<SystemTime> time_at(const json& from, const char* name) {
  if (!from.contains(name)) return std::nullopt;
  return SystemTime{ms_at(from, name)};
}

Error invalid(const Schedule& schedule, const std::string& what) {
  return {ErrorCode::kInvalidArgument, "schedule \"" + schedule.name + "\": " + what};
}

// What decides when it ticks.
json times_of(const Schedule& schedule) {
  json out = json::object();
  if (!schedule.cron.empty()) out["cron"] = schedule.cron;
  if (!schedule.zone.empty()) out["zone"] = schedule.zone;
  if (schedule.every > Duration{0}) out["every"] = to_ms(schedule.every);
  if (schedule.start) out["start"] = to_ms(*schedule.start);
  if (schedule.end) out["end"] = to_ms(*schedule.end);
  if (schedule.repeat) out["repeat"] = *schedule.repeat;
  return out;
}

// What was asked for, without how far it has come.
json asked_for(const ScheduleRecord& record) {
  const Schedule& schedule = record.schedule;
  json out{{"name", schedule.name},
           {"queue", schedule.queue},
           {"priority", to_string(record.priority)},
           {"overlap", to_string(schedule.overlap)},
           {"missed", to_string(schedule.missed)},
           {"missed_window", to_ms(schedule.missed_window)},
           {"headers", to_base64(record.job.headers.encoded())},
           {"payload", to_base64(record.job.payload)}};
  if (schedule.jitter > Duration{0}) out["jitter"] = to_ms(schedule.jitter);
  out.update(times_of(schedule));
  return out;
}

Schedule schedule_from(const json& in) {
  Schedule schedule{.name = in.at("name").get<std::string>(),
                    .cron = in.value("cron", ""),
                    .every = duration_at(in, "every"),
                    .zone = in.value("zone", ""),
                    .start = time_at(in, "start"),
                    .end = time_at(in, "end"),
                    .jitter = duration_at(in, "jitter"),
                    .missed_window = duration_at(in, "missed_window"),
                    .queue = in.at("queue").get<std::string>()};
  if (schedule.jitter > kJitterLimit) throw Error(ErrorCode::kCorrupt, "jitter is out of range");
  if (in.contains("repeat")) schedule.repeat = in.at("repeat").get<std::uint64_t>();
  if (in.value("overlap", "") == "skip") schedule.overlap = Schedule::Overlap::kSkip;
  const std::string missed = in.value("missed", "");
  if (missed == "skip") schedule.missed = Schedule::Missed::kSkip;
  if (missed == "all") schedule.missed = Schedule::Missed::kAll;
  return schedule;
}

}  // namespace

std::string_view to_string(Schedule::Overlap overlap) {
  return overlap == Schedule::Overlap::kSkip ? "skip" : "allow";
}

std::string_view to_string(Schedule::Missed missed) {
  switch (missed) {
    case Schedule::Missed::kSkip: return "skip";
    case Schedule::Missed::kOnce: return "once";
    case Schedule::Missed::kAll: return "all";
  }
  return "";
}

std::string_view to_string(ScheduleChange change) {
  switch (change) {
    case ScheduleChange::kCreated: return "created";
    case ScheduleChange::kChanged: return "changed";
    case ScheduleChange::kUnchanged: return "unchanged";
  }
  return "";
}

std::string ScheduleRecord::to_json() const {
  json out{{"version", 1}, {"asked_for", asked_for(*this)}, {"since", to_ms(since)}, {"runs", runs}};
  if (paused) out["paused"] = true;
  if (last) out["last"] = to_ms(*last);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ScheduleRecord> ScheduleRecord::from_json(std::string_view text) {
  try {
    const json in = json::parse(text);
    const json& asked = in.at("asked_for");
    ScheduleRecord record{
        .schedule = schedule_from(asked),
        .priority = parse_priority(asked.at("priority").get<std::string>()).value_or(Priority::kMedium),
        .job = {},
        .paused = in.value("paused", false),
        .since = SystemTime{ms_at(in, "since")},
        .last = time_at(in, "last"),
        .runs = in.value("runs", std::uint64_t{0})};
    auto headers = Headers::from_encoded(from_base64(asked.at("headers").get<std::string>()).value_or("?"));
    if (!headers) return headers.error().with_context("schedule");
    record.job.headers = std::move(*headers);
    record.job.payload = from_base64(asked.at("payload").get<std::string>()).value_or("");
    return record;
  } catch (const json::exception& e) {
    return Error(ErrorCode::kCorrupt, std::string("schedule: ") + e.what());
  } catch (const Error& e) {
    return e.with_context("schedule");
  }
}

bool ScheduleRecord::asks_the_same(const ScheduleRecord& other) const {
  return asked_for(*this) == asked_for(other);
}

bool ScheduleRecord::has_times_of(const ScheduleRecord& other) const {
  return times_of(schedule) == times_of(other.schedule);
}

Result<void> ScheduleRecord::check() const {
  if (!is_plain_name(schedule.name)) {
    return Error(ErrorCode::kInvalidArgument,
                 "schedule name \"" + schedule.name + "\": use 1 to 64 letters, digits, `_` or `-`");
  }
  if (auto named = check_queue_name(schedule.queue); !named) return named.error();
  if (schedule.cron.empty() == (schedule.every == Duration{0})) {
    return invalid(schedule, "give either a cron expression or an interval");
  }
  if (schedule.cron.empty() && !schedule.zone.empty()) return invalid(schedule, "an interval has no time zone");
  if (schedule.repeat && *schedule.repeat == 0) return invalid(schedule, "repeat is 0; it is 1 or more");
  if (schedule.jitter < Duration{0} || schedule.jitter >= kJitterLimit) {
    return invalid(schedule, "jitter is from 0 to less than a day");
  }
  if (schedule.missed_window < Duration{0}) return invalid(schedule, "missed_window is negative");
  if (schedule.start && schedule.end && *schedule.end < *schedule.start) {
    return invalid(schedule,
                   "its end, " + to_rfc3339(*schedule.end) + ", is before its start, " + to_rfc3339(*schedule.start));
  }
  const auto when = recurrence();
  return when ? Result<void>() : when.error().with_context("schedule \"" + schedule.name + "\"");
}

Result<Recurrence> ScheduleRecord::recurrence() const {
  if (schedule.cron.empty()) return Recurrence::every(schedule.every, schedule.start.value_or(SystemTime{}));
  auto cron = Recurrence::cron(schedule.cron, schedule.zone);
  if (!cron || !schedule.start) return cron;
  return cron->anchored(*schedule.start);
}

std::optional<SystemTime> ScheduleRecord::next(const Recurrence& recurrence, SystemTime after) const {
  if (schedule.repeat && runs >= *schedule.repeat) return std::nullopt;
  if (schedule.start && after < *schedule.start) after = *schedule.start - milliseconds(1);
  const auto tick = recurrence.next(after);
  return tick && schedule.end && *tick > *schedule.end ? std::nullopt : tick;
}

SystemTime ScheduleRecord::fires_at(SystemTime tick) const {
  const auto most = std::chrono::floor<milliseconds>(schedule.jitter).count();
  if (most <= 0) return tick;
  // FNV-1a over the name, then the time: the same for every leader.
  std::uint64_t hash = 14695981039346656037U;
  const auto add = [&hash](unsigned char byte) { hash = (hash ^ byte) * 1099511628211U; };
  for (const char c : schedule.name) add(static_cast<unsigned char>(c));
  for (auto rest = static_cast<std::uint64_t>(to_ms(tick)); rest != 0; rest >>= 8) add(rest & 0xff);
  hash ^= hash >> 32;
  const milliseconds later(static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(most + 1)));
  return tick > SystemTime::max() - later ? SystemTime::max() : tick + later;
}

JobId ScheduleRecord::job_id(SystemTime tick) const {
  return {priority, schedule.queue, "s-" + schedule.name + "-" + std::to_string(to_ms(tick))};
}

}  // namespace leat
