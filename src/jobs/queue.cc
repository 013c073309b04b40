#include "leat/queue.h"

#include "jobs/async_pusher.h"
#include "jobs/enqueuer.h"

namespace leat {

class Queue::Parts {
 public:
  Parts(Broker& broker, QueueOptions options) : enqueuer(broker, std::move(options)) {}

  Enqueuer enqueuer;
  AsyncPusher pusher{enqueuer};
};

Queue::Queue(Broker& broker, QueueOptions options) : parts_(std::make_unique<Parts>(broker, std::move(options))) {}
Queue::~Queue() = default;
Queue::Queue(Queue&&) noexcept = default;
Queue& Queue::operator=(Queue&&) noexcept = default;

Result<JobId> Queue::push(EncodedJob job, const PushOptions& options) {
  std::vector<Result<EncodedJob>> one;
  one.push_back(std::move(job));
  return std::move(parts_->enqueuer.push(std::move(one), options).front());
}

std::vector<Result<JobId>> Queue::push_many(std::vector<Result<EncodedJob>> jobs, const PushOptions& options) {
  return parts_->enqueuer.push(std::move(jobs), options);
}

std::vector<Result<JobId>> Queue::push_many(std::vector<PushOrder> orders) {
  return parts_->enqueuer.push(std::move(orders));
}

void Queue::push_async(EncodedJob job, PushOptions options, std::function<void(Result<JobId>)> done) {
  parts_->pusher.push({std::move(job), std::move(options)}, std::move(done));
}

std::future<Result<JobId>> Queue::push_async(EncodedJob job, PushOptions options) {
  auto promise = std::make_shared<std::promise<Result<JobId>>>();
  auto future = promise->get_future();
  push_async(std::move(job), std::move(options),
             [promise = std::move(promise)](Result<JobId> pushed) { promise->set_value(std::move(pushed)); });
  return future;
}

std::size_t Queue::max_payload() const {
  return parts_->enqueuer.max_payload();
}

const std::string& Queue::name() const {
  return parts_->enqueuer.queue();
}

}  // namespace leat
