#include "jobs/ticker.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "broker/message_size.h"
#include "core/text.h"
#include "jobs/due_time.h"

namespace leat {
namespace {

constexpr std::string_view kTickingKey = "ticking";
constexpr Duration kMissedAfter = std::chrono::seconds(30);  // later than this a tick is missed
constexpr std::size_t kSchedulesAtOnce = 500;
constexpr std::size_t kTicksAtOnce = 100;  // of one schedule
constexpr int kWriteTries = 20;            // to write down beside others who change the record

// So long before `time`, or the first time that there is.
SystemTime earlier(SystemTime time, Duration by) {
  return time < SystemTime::min() + by ? SystemTime::min() : time - by;
}

// The newest tick up to `until`, found from where it is likely to be.
std::optional<SystemTime> newest_tick(const ScheduleRecord& record, const Recurrence& recurrence, SystemTime since,
                                      SystemTime until) {
  using namespace std::chrono;
  if (record.schedule.end) until = std::min(until, *record.schedule.end);
  for (const Duration back : std::array<Duration, 4>{minutes(2), hours(2), hours(48), days(62)}) {
    const SystemTime from = std::max(since, earlier(until, back));
    std::optional<SystemTime> newest;
    for (auto tick = record.next(recurrence, from); tick && *tick <= until; tick = record.next(recurrence, *tick)) {
      newest = tick;
    }
    if (newest || from == since) return newest;
  }
  std::optional<SystemTime> newest;
  for (auto tick = record.next(recurrence, since); tick && *tick <= until; tick = record.next(recurrence, *tick)) {
    newest = tick;
  }
  return newest;
}

}  // namespace

Ticker::Ticker(Parts parts)
    : parts_(std::move(parts)), claim_(parts_.claims, std::string(kTickingKey), parts_.still_leads) {}

Result<bool> Ticker::is_claimed(KeyValue& claims, std::string_view name) {
  const auto entry = claims.get(std::string(kTickingKey));
  if (!entry) return entry.error();
  if (!*entry) return false;
  const auto record = nlohmann::json::parse((*entry)->value, nullptr, false);
  if (!record.is_object() || !record.contains("claimed") || !record["claimed"].is_array()) return false;
  const auto& claimed = record["claimed"];
  return std::find(claimed.begin(), claimed.end(), name) != claimed.end();
}

Result<void> Ticker::write_claim(std::span<const std::string> names) {
  const nlohmann::json record{{"version", 1}, {"claimed", names}};
  return claim_.write(record.dump());
}

Result<void> Ticker::release_old_claim() {
  return write_claim({});
}

void Ticker::forget(const std::string& name) {
  const auto known = known_.find(name);
  if (known == known_.end()) return;
  if (known->second.fires) order_.erase({*known->second.fires, name});
  known_.erase(known);
}

void Ticker::plan(const std::string& name, Known& known) {
  if (known.fires) order_.erase({*known.fires, name});
  const ScheduleRecord& record = known.record;
  const auto tick = record.paused ? std::nullopt : record.next(known.recurrence, record.since);
  known.fires = tick ? std::optional(record.fires_at(*tick)) : std::nullopt;
  if (known.fires) order_.insert({*known.fires, name});
}

void Ticker::add(std::span<const KeyEntry> entries) {
  for (const KeyEntry& entry : entries) {
    const auto known = known_.find(entry.key);
    if (known != known_.end() && known->second.revision >= entry.revision) continue;  // written down by us
    forget(entry.key);
    if (entry.erased) continue;
    auto record = ScheduleRecord::from_json(entry.value);
    auto recurrence = record ? record->recurrence() : Result<Recurrence>(record.error());
    if (!recurrence) {
      parts_.log.error("a schedule cannot be read and does not tick",
                       {{"schedule", entry.key}, {"error", recurrence.error().message()}});
      continue;
    }
    const auto added = known_.emplace(entry.key, Known{entry.revision, std::move(*record), *recurrence}).first;
    plan(added->first, added->second);
  }
}

std::optional<SystemTime> Ticker::next() const {
  return order_.empty() ? std::nullopt : std::optional(order_.begin()->first);
}

Result<void> Ticker::tick() {
  const SystemTime now = parts_.broker.clock().now();
  std::vector<std::string> names;
  std::size_t bytes = 0;
  for (const auto& [fires, name] : order_) {
    if (fires > now || names.size() == kSchedulesAtOnce || bytes >= parts_.bytes_at_once) break;
    names.push_back(name);
    bytes += size_of(known_.find(name)->second.record.job);
  }
  if (names.empty()) return {};
  if (auto claimed = write_claim(names); !claimed) return claimed;
  auto firings = read(names);
  if (!firings) return firings.error();
  choose_ticks(*firings, now);
  if (auto left = leave_out_overlapping(*firings, now); !left) return left;
  if (!parts_.still_leads()) return Error(ErrorCode::kLeaseLost, "another scheduler leads");
  if (auto appended = append(*firings); !appended) return appended;
  if (auto written = write_down(*firings); !written) return written;
  return write_claim({});
}

// As they are now: one that was removed or paused since is left out.
Result<std::vector<Ticker::Firing>> Ticker::read(const std::vector<std::string>& names) {
  std::vector<Firing> firings;
  const auto entries = parts_.schedules.read(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!entries[i]) return entries[i].error();
    if (!*entries[i]) {
      forget(names[i]);
      continue;
    }
    const KeyEntry& entry = **entries[i];
    add({&entry, 1});
    const auto known = known_.find(names[i]);
    if (known == known_.end() || !known->second.fires) continue;
    firings.push_back({.name = names[i], .revision = entry.revision, .record = known->second.record});
  }
  return firings;
}

// One tick of each, and of those that are behind as many as there is room for.
void Ticker::choose_ticks(std::vector<Firing>& firings, SystemTime now) const {
  std::size_t room = parts_.bytes_at_once;
  for (Firing& firing : firings) {
    const bool one_job = firing.record.schedule.overlap == Schedule::Overlap::kSkip;
    const std::size_t size = std::max<std::size_t>(size_of(firing.record.job), 1);
    const std::size_t most = one_job ? kTicksAtOnce : std::clamp<std::size_t>(room / size, 1, kTicksAtOnce);
    choose_ticks(firing, known_.find(firing.name)->second.recurrence, now, most);
    room -= std::min(room, size * (one_job ? 1 : firing.ticks.size()));
  }
}

void Ticker::choose_ticks(Firing& firing, const Recurrence& recurrence, SystemTime now, std::size_t most) const {
  const ScheduleRecord& record = firing.record;
  const Schedule& schedule = record.schedule;
  firing.since = record.since;
  const SystemTime missed_until = now - kMissedAfter - schedule.jitter;
  if (schedule.missed != Schedule::Missed::kAll) {
    const auto missed = newest_tick(record, recurrence, record.since, missed_until);
    if (missed) firing.since = *missed;
    const auto after = record.next(recurrence, firing.since);
    const bool one_is_due = after && record.fires_at(*after) <= now;
    if (missed && schedule.missed == Schedule::Missed::kOnce && !one_is_due) firing.ticks.push_back({*missed, true});
  } else {
    firing.since = std::max(firing.since, earlier(missed_until, schedule.missed_window));
  }
  if (schedule.repeat) most = std::min<std::uint64_t>(most, *schedule.repeat - record.runs);
  while (firing.ticks.size() < most) {
    const auto tick = record.next(recurrence, firing.since);
    if (!tick || record.fires_at(*tick) > now) return;
    firing.since = *tick;
    firing.ticks.push_back({*tick, *tick <= missed_until});
  }
}

// The jobs of earlier ticks are looked for in their queue: while one is there it is not done. Of the ticks that are due
// one may have a job already, made by a leader that was killed before it wrote that down.
Result<void> Ticker::leave_out_overlapping(std::vector<Firing>& firings, SystemTime now) {
  for (Firing& firing : firings) {
    if (firing.record.schedule.overlap != Schedule::Overlap::kSkip || firing.ticks.empty()) continue;
    firing.ticks.erase(firing.ticks.begin(), firing.ticks.end() - 1);
    const auto there = newest_not_done(firing, now);
    if (!there) return there.error();
    // Its own job may be there from an earlier try: that one is no other.
    if (!*there || **there == firing.ticks.front().at) continue;
    firing.ticks.clear();
    if (*there != firing.record.last) firing.found = *there;
  }
  return {};
}

// Looks at the tick that was written down last, and at those since: the first ones, for which a leader that kept up was
// killed, and the newest, for which one that made up for missed ones was.
Result<std::optional<SystemTime>> Ticker::newest_not_done(const Firing& firing, SystemTime now) {
  const ScheduleRecord& record = firing.record;
  const Recurrence& recurrence = known_.find(firing.name)->second.recurrence;
  std::set<SystemTime> ticks;
  if (record.last) ticks.insert(*record.last);
  const SystemTime newest = earlier(now, kMissedAfter + record.schedule.jitter + std::chrono::minutes(1));
  for (const SystemTime from : {record.since, std::max(record.since, newest)}) {
    std::size_t left = kTicksAtOnce;
    for (auto tick = record.next(recurrence, from); tick && *tick <= now && left > 0; --left) {
      ticks.insert(*tick);
      tick = record.next(recurrence, *tick);
    }
  }
  std::vector<std::string> subjects;
  for (const SystemTime tick : ticks) subjects.push_back(parts_.names.subject(record.job_id(tick)));
  const auto jobs = parts_.broker.admin().read_last(parts_.names.stream(record.priority), subjects);
  std::optional<SystemTime> found;
  auto job = jobs.begin();
  for (const SystemTime tick : ticks) {
    if (!*job) return job->error();
    if (**job++) found = tick;
  }
  return found;
}

AppendRequest Ticker::make_request(const Firing& firing, const Tick& tick) const {
  AppendRequest request{.message = firing.record.job, .expected_last = 0};
  const JobId id = firing.record.job_id(tick.at);
  request.message.subject = parts_.names.subject(id);
  request.message.headers.set(wire::kSchedule, firing.name);
  if (tick.catch_up) request.message.headers.set(wire::kCatchUp, wire::kYes);
  set_due_time(request.message, tick.at);
  request.message_id = id.str();
  return request;
}

// One append for each priority's stream.
Result<void> Ticker::append(std::vector<Firing>& firings) {
  for (const Priority priority : kPriorities) {
    std::vector<AppendRequest> requests;
    std::vector<JobEvent> events;
    for (const Firing& firing : firings) {
      if (firing.record.priority != priority) continue;
      for (const Tick& tick : firing.ticks) {
        requests.push_back(make_request(firing, tick));
        events.push_back({.what = JobEvent::What::kEnqueued,
                          .at = parts_.broker.clock().now(),
                          .job = firing.record.job_id(tick.at),
                          .kind = std::string(requests.back().message.headers.get(wire::kKind).value_or(""))});
      }
    }
    if (requests.empty()) continue;
    const auto appended = parts_.broker.append(parts_.names.stream(priority), requests);
    for (std::size_t i = 0; i < appended.size(); ++i) {
      // A conflict: it lies there already, put by an earlier try.
      if (!appended[i] && appended[i].error().code() != ErrorCode::kConflict) return appended[i].error();
      if (appended[i] && parts_.events.wanted()) parts_.events.tell(std::move(events[i]));
    }
  }
  return {};
}

// How far it has come; false when the record says so already.
bool Ticker::note(const Firing& firing, ScheduleRecord& record) {
  const auto last = firing.ticks.empty() ? firing.found : firing.ticks.back().at;
  const bool has_run = last > record.last;
  if (!has_run && firing.since <= record.since) return false;
  record.since = std::max(record.since, firing.since);
  if (!has_run) return true;
  record.last = last;
  record.runs += std::max<std::size_t>(firing.ticks.size(), 1);
  return true;
}

Result<void> Ticker::write_down(std::vector<Firing>& firings) {
  std::vector<KeyWrite> writes;
  for (Firing& firing : firings) {
    note(firing, firing.record);
    writes.push_back({.kind = KeyWrite::Kind::kUpdate,
                      .key = firing.name,
                      .value = firing.record.to_json(),
                      .revision = firing.revision});
  }
  const auto written = parts_.schedules.write(writes);
  for (std::size_t i = 0; i < firings.size(); ++i) {
    Known& known = known_.find(firings[i].name)->second;
    if (written[i]) {
      known.revision = *written[i];
      known.record = std::move(firings[i].record);
      plan(firings[i].name, known);
    } else if (auto again = write_down_again(firings[i]); !again) {
      return again;
    }
  }
  return {};
}

// Somebody has changed it meanwhile, or the answer was lost: what it asks for now stays, and how far it has come is
// ours.
Result<void> Ticker::write_down_again(Firing& firing) {
  for (int i = 0; i < kWriteTries; ++i) {
    const auto entry = parts_.schedules.get(firing.name);
    if (!entry) return entry.error();
    if (!*entry) {
      forget(firing.name);
      return {};
    }
    auto record = ScheduleRecord::from_json((*entry)->value);
    if (!record) return record.error();
    if (note(firing, *record)) {
      const auto written = parts_.schedules.update(firing.name, record->to_json(), (*entry)->revision);
      if (!written && written.error().code() == ErrorCode::kConflict) continue;
      if (!written) return written.error();
    }
    const auto now_there = parts_.schedules.get(firing.name);
    if (!now_there) return now_there.error();
    if (*now_there) add({&**now_there, 1});
    return {};
  }
  return Error(ErrorCode::kConflict, "schedule " + firing.name + " is changed all the while");
}

}  // namespace leat
