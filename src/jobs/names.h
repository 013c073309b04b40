// Every stream, subject, bucket and header name of jobs: the wire format (docs/spec/jobs.md) in one place. With the
// names goes how what they name is made.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "leat/job.h"
#include "leat/message.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat {

namespace wire {
inline constexpr std::string_view kKind = "Leat-Kind";
inline constexpr std::string_view kId = "Leat-Id";  // bulk lane and dead letters; else the subject tells it
inline constexpr std::string_view kMaxAttempts = "Leat-Max-Attempts";
inline constexpr std::string_view kRetry = "Leat-Retry";        // RetryPolicy::to_json()
inline constexpr std::string_view kTimeout = "Leat-Timeout";    // milliseconds of one attempt
inline constexpr std::string_view kDeadline = "Leat-Deadline";  // milliseconds since 1970, UTC
inline constexpr std::string_view kResult = "Leat-Result";
inline constexpr std::string_view kKeepResult = "keep";
inline constexpr std::string_view kBulkToken = "_";
inline constexpr std::string_view kTrack = "Leat-Track";     // kYes: leaves a done record
inline constexpr std::string_view kAfter = "Leat-After";     // of a waiting job: bytes of payload that list its parents
inline constexpr std::string_view kIfDead = "Leat-If-Dead";  // kRun, else it is cancelled with its parent
inline constexpr std::string_view kDue = "Leat-Due";         // of a delayed job: milliseconds since 1970, UTC
inline constexpr std::string_view kReplaces = "Leat-Replaces";  // of a delayed job: the messages with its earlier times
inline constexpr std::string_view kIfTaken = "Leat-If-Taken";   // kWait: it waits on while its unique key is taken
inline constexpr std::string_view kWait = "wait";
inline constexpr std::string_view kSchedule = "Leat-Schedule";     // the recurring schedule whose tick it is
inline constexpr std::string_view kCatchUp = "Leat-Catch-Up";      // kYes: of a tick that was missed
inline constexpr std::string_view kMovedFrom = "Leat-Moved-From";  // where it waited for its time or its parents
inline constexpr std::string_view kYes = "yes";
inline constexpr std::string_view kRun = "run";
inline constexpr std::string_view kDeadReason = "Leat-Dead-Reason";
inline constexpr std::string_view kDeadError = "Leat-Dead-Error";
inline constexpr std::string_view kDeadAttempts = "Leat-Dead-Attempts";
inline constexpr std::string_view kDeadHistory = "Leat-Dead-History";
inline constexpr std::string_view kDeadSubject = "Leat-Dead-Subject";
inline constexpr std::string_view kDeadAt = "Leat-Dead-At";  // of an imported one: else it was when it was stored
inline constexpr std::string_view kRevivedFrom = "Leat-Revived-From";  // the dead letter that it was
inline constexpr std::string_view kEnqueuedAt = "Leat-Enqueued-At";
// What a dead letter may add to its job, which it names twice, is less than kDeadLetterHeaders and the names.
// Queue::max_payload() leaves more room, for the headers that leat adds to most jobs.
inline constexpr std::size_t kDeadLetterHeaders = 7 * 1024;
inline constexpr std::size_t kDeadLetterRoom = 8 * 1024;
// Names of leat's and the broker's own headers, in whatever case: HTTP servers fold it.
bool is_reserved(std::string_view header);
}  // namespace wire

// When the job was enqueued: a dead letter says it, and a job that waited elsewhere for its time; else its own
// message's time is it.
SystemTime enqueued_at(const StoredMessage& job);

class Names {
 public:
  explicit Names(NamespaceOptions name_space) : options_(std::move(name_space)) {}

  const std::string& space() const { return options_.name; }
  const NamespaceOptions& options() const { return options_; }
  // Ok, or kInvalidArgument: the name, or a setting that is out of its range.
  Result<void> check() const;

  std::string stream(Priority priority) const { return joined(to_string(priority), '_'); }
  std::string stream_filter(Priority priority) const { return joined(to_string(priority), '.') + ".>"; }
  std::string queue_filter(Priority priority, std::string_view queue) const;
  std::string subject(const JobId& id) const { return joined(id.str(), '.'); }
  std::string bulk_subject(Priority priority, std::string_view queue) const;
  // The id of the job in a message of a job stream: from its header, else from its subject.
  Result<JobId> id_of(const Message& message) const;

  // The same as text; of a message without one the place where it lies, `{stream}.{sequence}`. A key of the records of
  // both.
  std::string id_text(const StoredMessage& message) const;

  std::string dead_stream() const { return joined("dlq", '_'); }
  std::string dead_filter() const { return joined("dlq", '.') + ".>"; }
  std::string dead_queue_filter(std::string_view queue) const;
  std::string dead_queue_filter(Priority priority, std::string_view queue) const;
  std::string dead_job_filter(const JobId& id) const;
  // Of the queue's dead letter with this origin; the key is the job's, or empty for what was none.
  std::string dead_subject(Priority priority, std::string_view queue, std::string_view key,
                           std::string_view origin) const;
  // The priority in the subject that a job had; empty when it was none's.
  static std::optional<Priority> priority_of(std::string_view subject);

  // Jobs that wait for their time or their parents.
  std::string scheduled_stream() const { return joined("scheduled", '_'); }
  std::string scheduled_filter() const { return joined("scheduled", '.') + ".>"; }
  std::string scheduled_queue_filter(Priority priority, std::string_view queue) const;
  std::string scheduled_subject(const JobId& id) const { return joined("scheduled.", '.') + id.str(); }
  // What tracked jobs leave behind.
  std::string done_stream() const { return joined("done", '_'); }
  std::string done_filter() const { return joined("done", '.') + ".>"; }
  std::string done_subject(std::string_view id) const { return joined("done.", '.').append(id); }
  std::string done_subject(const JobId& id) const { return done_subject(id.str()); }
  // The id in a subject of these two; empty when it is none.
  std::optional<JobId> scheduled_id(std::string_view subject) const;
  std::optional<JobId> done_id(std::string_view subject) const;

  std::string attempts_bucket() const { return joined("attempts", '_'); }
  std::string results_bucket() const { return joined("results", '_'); }
  std::string control_bucket() const { return joined("control", '_'); }
  // Says in the control bucket that a queue of this name is in use.
  static std::string queue_key(std::string_view queue) { return "queue." + std::string(queue); }
  // Holds the queue there for as long as the record is.
  static constexpr std::string_view kPausePrefix = "pause";
  static std::string pause_key(std::string_view queue) { return "pause." + std::string(queue); }
  // The queue of such a key; empty when it is another one.
  static std::optional<std::string_view> paused_queue(std::string_view key);
  // Calls to whoever has a job in hand: end it, or say so.
  static constexpr std::string_view kCancelPrefix = "cancel";
  static constexpr std::string_view kAskPrefix = "ask";
  static std::string cancel_key(const JobId& id) { return "cancel." + id.str(); }
  static std::string ask_key(const JobId& id) { return "ask." + id.str(); }

  // What happens to jobs and queues, where somebody wants to know.
  std::string event_stream() const { return joined("events", '_'); }
  std::string event_filter() const { return joined("events", '.') + ".>"; }
  std::string event_subject(const JobId& id) const { return joined("events.", '.') + id.str(); }
  std::string queue_event_subject(std::string_view queue) const;
  // Both, of one queue.
  std::string queue_events_filter(std::string_view queue) const;
  static std::string queue_of_event(std::string_view subject);

  std::string leader_bucket() const { return joined("leader", '_'); }
  std::string schedules_bucket() const { return joined("schedules", '_'); }
  std::string workers_bucket() const { return joined("workers", '_'); }

 private:
  std::string joined(std::string_view rest, char separator) const;
  std::optional<JobId> id_behind(std::string_view prefix, std::string_view subject) const;

  NamespaceOptions options_;
};

}  // namespace leat
