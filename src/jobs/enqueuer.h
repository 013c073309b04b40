// Turns jobs into appends to their streams.
#pragma once

#include <string>
#include <vector>

#include "core/mutex.h"
#include "jobs/endings.h"
#include "jobs/event_log.h"
#include "jobs/job_meter.h"
#include "jobs/names.h"
#include "jobs/parent_check.h"
#include "leat/queue.h"

namespace leat {

// Thread-safe.
class Enqueuer {
 public:
  Enqueuer(Broker& broker, QueueOptions options)
      : broker_(broker),
        options_(std::move(options)),
        names_(options_.name_space),
        with_message_id_(broker.capabilities().answers_get_lost),
        meter_(options_.metrics),
        events_(broker, names_, options_.log != nullptr ? *options_.log : no_log()),
        places_(broker, names_),
        parents_(places_),
        endings_(broker, names_) {}

  // One result per job, in order.
  std::vector<Result<JobId>> push(std::vector<Result<EncodedJob>> jobs, const PushOptions& options);
  std::vector<Result<JobId>> push(std::vector<PushOrder> orders);
  const std::string& queue() const { return options_.name; }
  std::size_t max_payload() const {
    return broker_.capabilities().max_message_bytes -
           std::min(wire::kDeadLetterRoom, broker_.capabilities().max_message_bytes);
  }

 private:
  static std::optional<SystemTime> due(const PushOptions& options, SystemTime now);
  Result<void> check(const EncodedJob& job, const PushOptions& options) const;
  Result<void> prepare(const PushOptions& options);
  std::vector<Result<JobId>> push_through_middleware(std::vector<PushOrder> orders);
  std::vector<Result<JobId>> store(std::vector<PushOrder>& orders);
  template <class OptionsOf>
  std::vector<Result<JobId>> store(std::vector<Result<EncodedJob>>& jobs, OptionsOf options_of);
  template <class OptionsOf>
  std::vector<std::optional<Endings::Left>> left_by_earlier_jobs(const std::vector<Result<JobId>>& ids,
                                                                 OptionsOf options_of);
  Result<void> check_key_is_free(const JobId& id, const PushOptions& options);
  void tell(std::span<const AppendRequest> requests, const std::vector<Result<Appended>>& stored, SystemTime at);
  JobId make_id(const PushOptions& options, SystemTime now) const;
  AppendRequest make_request(EncodedJob job, const JobId& id, const PushOptions& options,
                             std::optional<SystemTime> due) const;
  static Result<JobId> after_refusal(JobId id, const Error& error, const PushOptions& options);
  Result<void> ensure_streams() LEAT_EXCLUDES(mutex_);

  Broker& broker_;
  QueueOptions options_;
  Names names_;
  const bool with_message_id_;
  JobMeter meter_;
  EventLog events_;
  JobPlaces places_;
  ParentCheck parents_;
  Endings endings_;

  Mutex mutex_;
  bool ready_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat
