#include "leat/publisher.h"

#include <algorithm>

#include "broker/drift_report.h"
#include "core/gate.h"
#include "core/spread.h"

namespace leat {
namespace {

Error closed() {
  return {ErrorCode::kInvalidArgument, "the publisher is closed"};
}

// A message whose answer was lost may be stored: only its id keeps a repetition from being a second one.
bool may_repeat(const Result<Appended>& result, const AppendRequest& request) {
  if (result) return false;
  return result.error().code() == ErrorCode::kUnavailable ||
         (result.error().code() == ErrorCode::kUnknown && !request.message_id.empty());
}

}  // namespace

// Thread-safe.
class Publisher::Outlet {
 public:
  Outlet(Broker& broker, PublisherOptions options) : broker_(broker), options_(std::move(options)) {
    if (options_.subject_prefix.empty()) options_.subject_prefix = options_.stream;
  }

  Result<void> open() {
    const Gate::Pass pass = gate_.enter();
    return pass ? ensure_stream() : Result<void>(closed());
  }
  std::vector<Result<Appended>> publish(std::vector<AppendRequest> requests);
  void close() {
    closing_.request_stop();
    gate_.close();
  }
  std::string subject(std::string_view subject) const { return options_.subject_prefix + "." + std::string(subject); }

 private:
  Result<void> ensure_stream() LEAT_EXCLUDES(mutex_);
  std::vector<Result<Appended>> append(std::span<const AppendRequest> requests);
  void repeat(std::span<const AppendRequest> requests, std::vector<Result<Appended>>& results);
  void report(std::span<const AppendRequest> requests, const std::vector<Result<Appended>>& results, SteadyTime began);
  Log& log() const { return options_.log != nullptr ? *options_.log : no_log(); }

  Broker& broker_;
  PublisherOptions options_;
  Gate gate_;
  std::stop_source closing_;
  std::atomic<bool> ready_{false};
  Mutex mutex_;  // held while the stream is made
};

Result<void> Publisher::Outlet::ensure_stream() {
  if (ready_) return {};
  MutexLock lock(mutex_);
  if (ready_) return {};
  if (auto checked = options_.backoff.check(); !checked) return checked;
  const auto ensured = broker_.ensure_stream({.name = options_.stream,
                                              .subjects = {options_.subject_prefix + ".>"},
                                              .storage = options_.storage,
                                              .max_age = options_.max_age,
                                              .max_messages = options_.max_messages,
                                              .max_bytes = options_.max_bytes,
                                              .dedupe_window = options_.dedupe_window,
                                              .replicas = options_.replicas});
  if (!ensured) return ensured.error();
  report_drift(drift_log(options_.log), "stream", options_.stream, ensured->drift);
  ready_ = true;
  return {};
}

// A stream that somebody deleted is made again.
std::vector<Result<Appended>> Publisher::Outlet::append(std::span<const AppendRequest> requests) {
  if (auto ensured = ensure_stream(); !ensured) return {requests.size(), ensured.error()};
  auto results = broker_.append(options_.stream, requests);
  const auto gone = [](const Result<Appended>& result) {
    return !result && result.error().code() == ErrorCode::kNotFound;
  };
  if (!std::all_of(results.begin(), results.end(), gone)) return results;
  ready_ = false;
  if (auto ensured = ensure_stream(); !ensured) return {requests.size(), ensured.error()};
  return broker_.append(options_.stream, requests);
}

std::vector<Result<Appended>> Publisher::Outlet::publish(std::vector<AppendRequest> requests) {
  if (requests.empty()) return {};
  const SteadyTime began = broker_.clock().steady();
  const Gate::Pass pass = gate_.enter();
  auto results = pass ? append(requests) : std::vector<Result<Appended>>(requests.size(), closed());
  if (pass && options_.retries > 0) repeat(requests, results);
  if (options_.on_publish) report(requests, results, began);
  return results;
}

void Publisher::Outlet::repeat(std::span<const AppendRequest> requests, std::vector<Result<Appended>>& results) {
  for (unsigned tried = 1; tried <= options_.retries; ++tried) {
    std::vector<AppendRequest> again;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (!may_repeat(results[i], requests[i])) continue;
      again.push_back(requests[i]);
      places.push_back(i);
    }
    if (again.empty()) return;
    const double random = spread(reinterpret_cast<std::uintptr_t>(&again), tried);
    const bool go_on = sleep_for(broker_.clock(), options_.backoff.delay(tried, random), closing_.get_token());
    auto answers = go_on ? append(again) : std::vector<Result<Appended>>(again.size(), closed());
    for (std::size_t i = 0; i < places.size(); ++i) results[places[i]] = std::move(answers[i]);
  }
}

void Publisher::Outlet::report(std::span<const AppendRequest> requests, const std::vector<Result<Appended>>& results,
                               SteadyTime began) {
  const Duration latency = broker_.clock().steady() - began;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    options_.on_publish({.subject = requests[i].message.subject,
                         .error = results[i] ? nullptr : &results[i].error(),
                         .latency = latency,
                         .sequence = results[i] ? results[i]->sequence : 0});
  }
}

Publisher::Publisher(Broker& broker, PublisherOptions options)
    : outlet_(std::make_unique<Outlet>(broker, std::move(options))) {}
Publisher::~Publisher() {
  if (outlet_ != nullptr) outlet_->close();
}
Publisher::Publisher(Publisher&&) noexcept = default;
Publisher& Publisher::operator=(Publisher&& other) noexcept {
  std::swap(outlet_, other.outlet_);
  return *this;
}

Result<void> Publisher::open() {
  return outlet_->open();
}

Result<Appended> Publisher::publish(std::string_view subject, std::string payload, PublishOptions options) {
  std::vector<AppendRequest> one(1);
  one.front() = {.message = {.subject = outlet_->subject(subject),
                             .headers = std::move(options.headers),
                             .payload = std::move(payload)},
                 .message_id = std::move(options.message_id)};
  return std::move(outlet_->publish(std::move(one)).front());
}

std::vector<Result<Appended>> Publisher::publish_batch(std::vector<Publication> messages) {
  std::vector<AppendRequest> requests;
  requests.reserve(messages.size());
  for (Publication& message : messages) {
    requests.push_back({.message = {.subject = outlet_->subject(message.subject),
                                    .headers = std::move(message.options.headers),
                                    .payload = std::move(message.payload)},
                        .message_id = std::move(message.options.message_id)});
  }
  return outlet_->publish(std::move(requests));
}

void Publisher::close() {
  outlet_->close();
}

}  // namespace leat
