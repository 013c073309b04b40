#include "tests/support/disturbed_worker.h"

#include <utility>

namespace leat::test {

DisturbedWorker::DisturbedWorker(std::shared_ptr<Broker> broker, DeliveryLog& log, const WorkerOptions& options,
                                 std::function<Outcome(JobContext&, DisturbedWorker&)> handler)
    : view_(log), broker_(make_fault_broker(make_watched_broker(std::move(broker), view_), faults_)) {
  for (std::size_t i = 0; i < kOperations; ++i) {
    const auto operation = static_cast<Operation>(i);
    faults_.before(operation, [this, operation](const Call&) { return fault_of(operation); });
  }
  worker_.emplace(*broker_, options);
  worker_->handle("trial", [this, handle = std::move(handler)](JobContext& context) { return handle(context, *this); });
  worker_->start().value();
}

void DisturbedWorker::stop() {
  worker_->stop();
  is_started_ = false;
}

void DisturbedWorker::cut_off() {
  cut_ = true;
  view_.cut_off();
}

Fault DisturbedWorker::fault_of(Operation operation) {
  using enum Operation;
  if (cut_) return Fault::fail(operation == kExtend ? ErrorCode::kLeaseLost : ErrorCode::kInternal);
  if (operation == kExtend) return fault_of_renewal();
  if (operation == kSettle && (settlements_fail_ || happens(Trouble::kSettlementFails))) return Fault::fail();
  if (operation == kKeyRead && happens(Trouble::kReadFails)) return Fault::fail();
  return operation == kKeyWrite ? fault_of_write() : Fault::none();
}

Fault DisturbedWorker::fault_of_renewal() const {
  switch (renewals_.load()) {
    case Renewals::kWork: return Fault::none();
    case Renewals::kFail: return Fault::fail();
    case Renewals::kAnswersGetLost: return Fault::lose_answer(ErrorCode::kUnavailable);
    case Renewals::kLeasesAreGone: return Fault::fail(ErrorCode::kLeaseLost);
  }
  return Fault::none();
}

Fault DisturbedWorker::fault_of_write() {
  if (happens(Trouble::kWriteFails)) return Fault::fail();
  if (happens(Trouble::kWriteAnswerGetsLost)) return Fault::lose_answer();
  if (happens(Trouble::kWriteHappensTwice)) return Fault::duplicate();
  if (!happens(Trouble::kWriteIsUnsure)) return Fault::none();
  cause(Trouble::kReadFails);
  return Fault::lose_answer();
}

}  // namespace leat::test
