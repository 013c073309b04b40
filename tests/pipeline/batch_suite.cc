#include "tests/pipeline/batch_suite.h"

namespace leat::test {

bool eventually_on(BrokerFixture* fixture, const std::function<bool()>& happened) {
  const SteadyTime until = real_clock().steady() + kPatience;
  while (!happened()) {
    if (real_clock().steady() > until) return false;
    if (fixture != nullptr) fixture->let_time_pass();
    leat::sleep_for(real_clock(), 2ms, {});
  }
  return true;
}

void BatchSuite::SetUp() {
  fixture_ = make_broker_fixture(GetParam());
  broker_ = fixture_->open();
  ASSERT_EQ(code_of(broker_->ensure_stream({.name = "events", .subjects = {"events.>"}})), "ok");
}

void BatchSuite::pass(Duration duration) {
  const SteadyTime until = broker_->clock().steady() + duration;
  EXPECT_TRUE(eventually([&] { return broker_->clock().steady() >= until; }));
}

void BatchSuite::append(const std::vector<std::string>& payloads, const std::string& subject) {
  std::vector<AppendRequest> requests;
  for (const std::string& payload : payloads)
    requests.push_back({.message = {.subject = subject, .headers = {}, .payload = payload}});
  for (const auto& appended : broker_->append("events", requests)) EXPECT_EQ(code_of(appended), "ok");
}

void BatchSuite::append_numbers(int count) {
  append(numbers(count));
}

ConsumerFacts BatchSuite::facts(const std::string& name) {
  const auto all = broker_->admin().consumers("events");
  if (!all) return {};
  for (const ConsumerFacts& each : *all) {
    if (each.name == name) return each;
  }
  return {};
}

BackgroundBatches::BackgroundBatches(Broker& broker, BatchConsumerOptions options, BatchConsumer::Processor processor)
    : consumer_(broker, std::move(options), std::move(processor)),
      thread_(start_thread("batches", [this](const std::stop_token&) {
        result_ = consumer_.run(stop_.get_token());
        ended_ = true;
      })) {}

Result<void> BackgroundBatches::stop() {
  stop_.request_stop();
  if (thread_.joinable()) thread_.join();
  return result_;
}

Result<void> BackgroundBatches::wait() {
  EXPECT_TRUE(eventually_on(nullptr, [this] { return ended(); })) << "the consumer goes on";
  return stop();
}

void SeenBatches::add(const Batch& batch) {
  std::vector<std::string> payloads;
  for (const StoredMessage& message : batch) payloads.push_back(message.payload);
  MutexLock lock(mutex_);
  batches_.push_back(std::move(payloads));
}

std::vector<std::vector<std::string>> SeenBatches::all() const {
  MutexLock lock(mutex_);
  return batches_;
}

std::map<std::string, int> SeenBatches::payloads() const {
  std::map<std::string, int> times;
  for (const auto& batch : all()) {
    for (const std::string& payload : batch) ++times[payload];
  }
  return times;
}

void Barrier::wait() {
  MutexLock lock(mutex_);
  ++waiting_;
  changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return open_; });
}

void Barrier::open() {
  MutexLock lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

std::size_t Barrier::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::to_string(i));
  return all;
}

}  // namespace leat::test
