#include "leat/schedules.h"

#include <algorithm>
#include <atomic>

#include "core/mutex.h"
#include "core/text.h"
#include "core/ulid.h"
#include "jobs/job_message.h"
#include "jobs/job_streams.h"
#include "jobs/schedule_record.h"
#include "jobs/scheduler.h"

namespace leat {
namespace {

constexpr int kChangeTries = 20;  // to change a record beside others who do

Error missing(std::string_view name) {
  return {ErrorCode::kNotFound, "there is no schedule \"" + std::string(name) + "\": see leat schedule list"};
}

Error ended(const Schedule& schedule) {
  return {ErrorCode::kInvalidArgument, "schedule \"" + schedule.name + "\": its end, " + to_rfc3339(*schedule.end) +
                                           ", has passed: give a later one, or none"};
}

Error never_due(const Schedule& schedule) {
  return {ErrorCode::kInvalidArgument, "schedule \"" + schedule.name + "\": it is not due once before its end, " +
                                           to_rfc3339(*schedule.end) + ": give a later one, or none"};
}

// However often it has run.
bool is_ever_due(const ScheduleRecord& record) {
  const ScheduleRecord fresh{.schedule = record.schedule};
  const auto recurrence = fresh.recurrence();
  return recurrence && fresh.next(*recurrence, record.since);
}

Error still_claimed(std::string_view name, const std::string& now_is) {
  return {
      ErrorCode::kUnavailable,
      "schedule \"" + std::string(name) + "\" is " + now_is +
          ", but a scheduler that was making a job of it has not said that it is done: one more job may still come. "
          "Start a worker or leat scheduler if none runs, and do this again"};
}

Result<void> check_options(const PushOptions& options) {
  if (options.at || options.delay || !options.after.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "a schedule says itself when its jobs run: leave out at, delay and after");
  }
  if (options.unique) {
    return Error(
        ErrorCode::kInvalidArgument,
        "the jobs of a schedule cannot be unique: Schedule::overlap says what becomes of a tick while the job of "
        "the last one is not done");
  }
  if (options.lane == Lane::kBulk) {
    return Error(ErrorCode::kInvalidArgument, "the jobs of a schedule cannot go through the bulk lane");
  }
  return check_push_options(options);
}

ScheduleInfo info_of(const ScheduleRecord& record) {
  ScheduleInfo info{.schedule = record.schedule,
                    .job = {.kind = std::string(record.job.headers.get(wire::kKind).value_or("")),
                            .payload = record.job.payload,
                            .headers = record.job.headers},
                    .priority = record.priority,
                    .paused = record.paused,
                    .last = record.last,
                    .runs = record.runs};
  info.job.headers.erase(wire::kKind);
  const auto recurrence = record.recurrence();
  const auto next = recurrence ? record.next(*recurrence, record.since) : std::nullopt;
  info.finished = !next;
  if (!record.paused) info.next = next;
  return info;
}

}  // namespace

class Schedules::Book {
 public:
  Book(Broker& broker, NamespaceOptions name_space) : broker_(broker), names_(std::move(name_space)) {}

  Result<ScheduleChange> put(const Schedule& schedule, EncodedJob job, const PushOptions& options);
  Result<std::vector<ScheduleInfo>> list();
  Result<ScheduleRecord> get(std::string_view name);
  Result<void> set_paused(std::string_view name, bool paused);
  Result<void> remove(std::string_view name);
  Result<JobId> run(std::string_view name);

 private:
  Result<std::unique_ptr<KeyValue>> open();
  Result<void> wait_until_unclaimed(std::string_view name, const std::string& now_is);
  Result<ScheduleRecord> make_record(const Schedule& schedule, EncodedJob job, const PushOptions& options) const;
  Result<ScheduleChange> store(KeyValue& records, ScheduleRecord wanted);

  Broker& broker_;
  const Names names_;
  std::atomic<bool> told_drift_{false};
};

Result<std::unique_ptr<KeyValue>> Schedules::Book::open() {
  if (auto named = names_.check(); !named) return named.error();
  return open_schedules(broker_, names_);
}

Result<ScheduleRecord> Schedules::Book::make_record(const Schedule& schedule, EncodedJob job,
                                                    const PushOptions& options) const {
  ScheduleRecord record{.schedule = schedule, .priority = options.priority};
  if (auto checked = record.check(); !checked) return checked.error();
  if (auto checked = check_options(options); !checked) return checked.error();
  if (auto checked = check_job(job); !checked) return checked.error();
  const std::size_t size = job.payload.size() + job.headers.encoded().size() + options.headers.encoded().size();
  const std::size_t most = broker_.capabilities().max_message_bytes / 2;  // it is stored as text
  if (size > most) {
    return Error(ErrorCode::kInvalidArgument, "payload and headers are " + std::to_string(size) +
                                                  " bytes; the limit for a schedule is " + std::to_string(most) +
                                                  ": store the data elsewhere and let the job refer to it");
  }
  record.job.headers = std::move(job.headers);
  record.job.payload = std::move(job.payload);
  for (const auto& [name, value] : options.headers) record.job.headers.set(name, value);
  add_option_headers(record.job.headers, job.kind, options);
  record.since = broker_.clock().now();
  return record;
}

Result<ScheduleChange> Schedules::Book::put(const Schedule& schedule, EncodedJob job, const PushOptions& options) {
  auto records = open();
  if (!records) return records.error();
  auto wanted = make_record(schedule, std::move(job), options);
  if (!wanted) return wanted.error();
  // Creates the streams that its jobs go to, and tells of their drift once.
  Log* const log = told_drift_.exchange(true) ? &no_log() : nullptr;
  (void)Queue(broker_, {.name = schedule.queue, .name_space = names_.options(), .log = log})
      .push_many(std::vector<Result<EncodedJob>>{});
  return store(**records, std::move(*wanted));
}

Result<ScheduleChange> Schedules::Book::store(KeyValue& records, ScheduleRecord wanted) {
  const std::string& name = wanted.schedule.name;
  for (int i = 0; i < kChangeTries; ++i) {
    const auto entry = records.get(name);
    if (!entry) return entry.error();
    bool has_new_times = true;
    if (*entry) {
      const auto there = ScheduleRecord::from_json((*entry)->value);
      if (there && there->asks_the_same(wanted)) return ScheduleChange::kUnchanged;
      if (there) {
        wanted.paused = there->paused;
        wanted.since = there->since;
        has_new_times = !there->has_times_of(wanted);
        if (has_new_times) wanted.since = std::max(there->since, broker_.clock().now());
        wanted.last = there->last;
        wanted.runs = there->runs;
      }
    }
    const Schedule& schedule = wanted.schedule;
    if (schedule.end && *schedule.end <= broker_.clock().now()) return ended(schedule);
    if (schedule.end && has_new_times && !is_ever_due(wanted)) return never_due(schedule);
    const auto written =
        *entry ? records.update(name, wanted.to_json(), (*entry)->revision) : records.create(name, wanted.to_json());
    if (written) return *entry ? ScheduleChange::kChanged : ScheduleChange::kCreated;
    if (written.error().code() != ErrorCode::kConflict) return written.error();
  }
  return Error(ErrorCode::kConflict, "schedule \"" + name + "\" is changed by others all the while: try again");
}

Result<std::vector<ScheduleInfo>> Schedules::Book::list() {
  const auto records = open();
  if (!records) return records.error();
  const auto entries = (*records)->list("");
  if (!entries) return entries.error();
  std::vector<ScheduleInfo> all;
  for (const KeyEntry& entry : *entries) {
    if (const auto record = ScheduleRecord::from_json(entry.value)) all.push_back(info_of(*record));
  }
  return all;
}

Result<ScheduleRecord> Schedules::Book::get(std::string_view name) {
  const auto records = open();
  if (!records) return records.error();
  if (!is_plain_name(name)) return missing(name);
  const auto entry = (*records)->get(std::string(name));
  if (!entry) return entry.error();
  if (!*entry) return missing(name);
  return ScheduleRecord::from_json((*entry)->value);
}

Result<void> Schedules::Book::set_paused(std::string_view name, bool paused) {
  const auto records = open();
  if (!records) return records.error();
  if (!is_plain_name(name)) return missing(name);
  for (int i = 0; i < kChangeTries; ++i) {
    const auto entry = (*records)->get(std::string(name));
    if (!entry) return entry.error();
    if (!*entry) return missing(name);
    auto record = ScheduleRecord::from_json((*entry)->value);
    if (!record) return record.error();
    if (record->paused && paused) return wait_until_unclaimed(name, "paused");
    if (record->paused == paused) return {};
    record->paused = paused;
    if (!paused) record->since = std::max(record->since, broker_.clock().now());
    const auto written = (*records)->update(std::string(name), record->to_json(), (*entry)->revision);
    if (written) return paused ? wait_until_unclaimed(name, "paused") : Result<void>();
    if (written.error().code() != ErrorCode::kConflict) return written.error();
  }
  return Error(ErrorCode::kConflict, "schedule \"" + std::string(name) + "\" is changed by others all the while");
}

Result<void> Schedules::Book::remove(std::string_view name) {
  const auto there = get(name);
  const bool is_gone = !there && there.error().code() == ErrorCode::kNotFound;
  if (!is_gone) {
    const auto records = open();
    if (!records) return records.error();
    if (auto erased = (*records)->erase(std::string(name)); !erased) return erased;
  }
  if (auto unclaimed = wait_until_unclaimed(name, "removed"); !unclaimed) return unclaimed;
  return is_gone ? Result<void>(missing(name)) : Result<void>();
}

// A leader that has read the record before it was changed may still make a job of it. Whether leaders live is counted
// by the broker's clock; while that stands still, the machine's ends the wait.
Result<void> Schedules::Book::wait_until_unclaimed(std::string_view name, const std::string& now_is) {
  constexpr Duration kLookAgain = std::chrono::milliseconds(10);
  constexpr Duration kPatience = 2 * kLeaderTtl;  // by then a new leader has taken over
  const auto claims = open_leader(broker_, names_);
  if (!claims) return claims.error();
  const SteadyTime until = deadline_after(broker_.clock(), kPatience);
  const SteadyTime real_until = deadline_after(real_clock(), kPatience);
  while (true) {
    const auto claimed = Ticker::is_claimed(**claims, name);
    if (!claimed) return claimed.error();
    if (!*claimed) return {};
    if (broker_.clock().steady() >= until || real_clock().steady() >= real_until) return still_claimed(name, now_is);
    sleep_for(real_clock(), kLookAgain, {});
  }
}

Result<JobId> Schedules::Book::run(std::string_view name) {
  const auto record = get(name);
  if (!record) return record.error();
  const SystemTime now = broker_.clock().now();
  JobId id(record->priority, record->schedule.queue, "s-" + std::string(name) + "-run-" + make_ulid(now));
  AppendRequest request{.message = record->job, .message_id = id.str(), .expected_last = 0};
  request.message.subject = names_.subject(id);
  request.message.headers.set(wire::kSchedule, name);
  const auto appended = broker_.append(names_.stream(record->priority), {&request, 1}).front();
  if (!appended) return appended.error();
  return id;
}

Schedules::Schedules(Broker& broker, NamespaceOptions name_space)
    : book_(std::make_unique<Book>(broker, std::move(name_space))) {}
Schedules::~Schedules() = default;

Result<ScheduleChange> Schedules::put(const Schedule& schedule, EncodedJob job, const PushOptions& options) {
  return book_->put(schedule, std::move(job), options);
}
Result<std::vector<ScheduleInfo>> Schedules::list() {
  return book_->list();
}
Result<ScheduleInfo> Schedules::get(std::string_view name) {
  const auto record = book_->get(name);
  if (!record) return record.error();
  return info_of(*record);
}
Result<void> Schedules::pause(std::string_view name) {
  return book_->set_paused(name, true);
}
Result<void> Schedules::resume(std::string_view name) {
  return book_->set_paused(name, false);
}
Result<void> Schedules::remove(std::string_view name) {
  return book_->remove(name);
}
Result<JobId> Schedules::run(std::string_view name) {
  return book_->run(name);
}

}  // namespace leat
