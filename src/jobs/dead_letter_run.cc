#include "jobs/dead_letter_run.h"

#include <algorithm>
#include <cmath>

#include "core/mutex.h"
#include "jobs/dead_letter_message.h"
#include "jobs/dead_letter_scan.h"

namespace leat {
namespace {

constexpr double kBatchesPerSecond = 20;  // at most, while the rate holds the run back
constexpr double kSlowest = 0.001;
constexpr double kFastest = 1'000'000;

// Lets so many through in a second; never makes up for what it was slower before.
class Pace {
 public:
  Pace(Clock& clock, double rate) : clock_(clock), rate_(rate), next_(clock.steady()) {}

  std::size_t batch() const {
    return rate_ > 0 ? static_cast<std::size_t>(std::clamp(rate_ / kBatchesPerSecond, 1.0, double{kDeadLetterBatch}))
                     : kDeadLetterBatch;
  }
  void wait(const std::stop_token& stop) const {
    if (const SteadyTime now = clock_.steady(); rate_ > 0 && next_ > now) sleep_for(clock_, next_ - now, stop);
  }
  void count(std::size_t letters) {
    if (rate_ <= 0) return;
    const std::chrono::duration<double> share(static_cast<double>(letters) / rate_);
    next_ = std::max(next_, clock_.steady()) + std::chrono::duration_cast<Duration>(share);
  }

 private:
  Clock& clock_;
  const double rate_;
  SteadyTime next_;
};

void count(std::span<const StoredMessage> letters, const std::vector<Result<bool>>& results, DeadLetterReport& report) {
  const Error* last = nullptr;
  bool any_done = false;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (results[i]) {
      any_done = true;
      report.done += *results[i] ? 1 : 0;
      continue;
    }
    ++report.failed;
    last = &results[i].error();
    if (report.failures.size() >= kKeptFailures) continue;
    auto id = JobId::parse(header_of(letters[i], wire::kId)).value_or(JobId{});
    report.failures.push_back({letters[i].sequence, std::move(id), *last});
  }
  if (last != nullptr && !any_done && is_for_all(*last)) report.ended_by = *last;
}

}  // namespace

bool is_for_all(const Error& error) {
  return error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kDenied ||
         error.code() == ErrorCode::kFull;
}

Result<void> check(const DeadLetterRun& run) {
  if (run.rate == 0 || (run.rate >= kSlowest && run.rate <= kFastest)) return {};
  return Error(ErrorCode::kInvalidArgument, "rate is " + std::to_string(run.rate) +
                                                " dead letters per second; use 0.001 to 1000000, or 0 for no limit");
}

Result<DeadLetterReport> run_through(DeadLetterScan& scan, const DeadLetterRun& run, Clock& clock,
                                     const DeadLetterDeed& deed, const std::stop_token& stop) {
  DeadLetterReport report;
  Pace pace(clock, run.rate);
  while (!report.ended_by && !stop.stop_requested()) {
    pace.wait(stop);
    const auto letters = scan.next(pace.batch(), stop);
    if (!letters) {
      if (report.done + report.failed == 0) return letters.error();
      report.ended_by = letters.error();
    } else if (letters->empty()) {
      break;
    } else {
      pace.count(letters->size());
      count(*letters, deed(*letters), report);
      if (run.on_progress) run.on_progress(report);
    }
  }
  return report;
}

}  // namespace leat
