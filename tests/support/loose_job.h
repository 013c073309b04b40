// A job that no worker holds, to call a handler with.
#pragma once

#include <optional>
#include <string>

#include "leat/worker.h"

namespace leat::test {

// high.images.01ABC of kind "resize", the second attempt of seven, with a header X-Trace-id and the payload {}.
class LooseJob : public JobContext {
 public:
  LooseJob() {
    headers_.set("Leat-Kind", "resize");
    headers_.set("X-Trace-id", "a b");
  }

  const JobId& id() const override { return id_; }
  std::string_view kind() const override { return "resize"; }
  std::string_view payload() const override { return payload_; }
  unsigned attempt() const override { return 2; }
  unsigned max_attempts() const override { return 7; }
  const Headers& headers() const override { return headers_; }
  SystemTime enqueued_at() const override { return SystemTime{} + std::chrono::seconds(1); }
  std::optional<SystemTime> deadline() const override { return {}; }
  std::stop_token stop_token() const override { return stop_.get_token(); }
  StopReason stop_reason() const override { return stop_.stop_requested() ? StopReason::kShutdown : StopReason::kNone; }
  Result<void> extend_lease() override { return {}; }

  void set_payload(std::string payload) { payload_ = std::move(payload); }
  void set_header(std::string_view name, std::string_view value) { headers_.set(name, value); }
  void stop() { stop_.request_stop(); }

 private:
  JobId id_{Priority::kHigh, "images", "01ABC"};
  Headers headers_;
  std::string payload_ = "{}";
  std::stop_source stop_;
};

}  // namespace leat::test
