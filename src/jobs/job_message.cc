#include "jobs/job_message.h"

#include <algorithm>

#include "core/header_limit.h"
#include "core/invalid_argument.h"
#include "jobs/names.h"
#include "jobs/unique_key.h"

namespace leat {
namespace {

Result<void> check_own_headers(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (wire::is_reserved(name)) {
      return invalid_argument("header \"" + std::string(name) +
                              "\": names that begin with Leat- or Nats- are taken; use another");
    }
  }
  return check_headers(headers);
}

std::string milliseconds_text(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

Result<void> check_time(const PushOptions& options) {
  if (!options.at && !options.delay) return {};
  if (options.at && options.delay)
    return invalid_argument("at and delay exclude each other: give the one or the other");
  if (!options.after.empty()) return invalid_argument("a job waits for its time or for other jobs, not for both");
  if (options.lane == Lane::kBulk)
    return invalid_argument("a delayed job cannot go through the bulk lane: use the addressable one");
  if (options.at && options.at->time_since_epoch() < std::chrono::milliseconds(1))
    return invalid_argument("at is before 1970");
  if (options.delay && *options.delay < Duration{0}) return invalid_argument("delay is negative");
  return {};
}

}  // namespace

Result<void> check_push_options(const PushOptions& options) {
  if (options.max_attempts && *options.max_attempts == 0)
    return invalid_argument("max_attempts is 0; a job needs 1 or more");
  if (options.timeout && *options.timeout < std::chrono::milliseconds(1))
    return invalid_argument("timeout is less than 1 ms");
  if (options.deadline && options.deadline->time_since_epoch() < std::chrono::milliseconds(1)) {
    return invalid_argument("deadline is before 1970");
  }
  if (options.retry) {
    if (auto checked = options.retry->check(); !checked) return checked;
  }
  if (options.unique) {
    if (auto checked = check_unique_key(options.unique->key); !checked) return checked;
    if (options.lane == Lane::kBulk)
      return invalid_argument("a unique job cannot go through the bulk lane: use the addressable one");
  }
  if (std::find(options.after.begin(), options.after.end(), JobId{}) != options.after.end()) {
    return invalid_argument("after holds an empty JobId: wait for ids that a push returned");
  }
  if ((options.track || !options.after.empty()) && options.lane == Lane::kBulk) {
    return invalid_argument(
        "a job that is tracked or waits for others cannot go through the bulk lane: use the addressable one");
  }
  if (auto checked = check_time(options); !checked) return checked;
  return check_own_headers(options.headers);
}

Result<void> check_job(const EncodedJob& job) {
  if (auto kind = check_job_kind(job.kind); !kind) return kind;
  return check_own_headers(job.headers);
}

Result<void> check_letter_fits(const Message& job, const JobId& id, std::size_t limit) {
  const std::size_t headers = job.headers.encoded().size() + 2 * id.str().size();
  constexpr std::size_t kMostHeaders = kMaxHeaders - wire::kDeadLetterHeaders;
  if (headers > kMostHeaders) {
    return invalid_argument("headers, options and id are " + std::to_string(headers) +
                            " bytes in its dead letter; the limit is " + std::to_string(kMostHeaders) +
                            ": put them into the payload");
  }
  const std::size_t size = job.payload.size() + headers;
  const std::size_t most = limit - std::min(wire::kDeadLetterHeaders, limit);
  if (size <= most) return {};
  return invalid_argument("payload, headers, options and id are " + std::to_string(size) +
                          " bytes in its dead letter; the limit is " + std::to_string(most) + " (the broker's " +
                          std::to_string(limit) +
                          " less 7 KiB for what the letter adds): use a shorter key or retry table, or store the data "
                          "elsewhere and enqueue a reference");
}

void add_option_headers(Headers& headers, std::string_view kind, const PushOptions& options) {
  headers.set(wire::kKind, kind);
  if (options.max_attempts) headers.set(wire::kMaxAttempts, std::to_string(*options.max_attempts));
  if (options.retry) headers.set(wire::kRetry, options.retry->to_json());
  if (options.timeout) headers.set(wire::kTimeout, milliseconds_text(*options.timeout));
  if (options.deadline) headers.set(wire::kDeadline, milliseconds_text(options.deadline->time_since_epoch()));
  if (options.result == KeepResult::kYes) headers.set(wire::kResult, wire::kKeepResult);
  if (options.track) headers.set(wire::kTrack, wire::kYes);
  if (options.unique && options.unique->when_due == Unique::WhenDue::kWait) headers.set(wire::kIfTaken, wire::kWait);
}

}  // namespace leat
