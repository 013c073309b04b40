#include "tests/conformance/suite.h"

#include <algorithm>

#include "core/mutex.h"

namespace leat::test {

void Conformance::SetUp() {
  fixture_ = make_broker_fixture(GetParam());
  broker_ = fixture_->open();
}

void Conformance::reopen() {
  broker_.reset();
  broker_ = fixture_->open();
}

void Conformance::pass(Duration duration) {
  if (ManualClock* manual = fixture_->manual_clock()) {
    manual->advance(duration);
  } else {
    sleep_for(real_clock(), duration, {});
  }
}

bool Conformance::eventually(const std::function<bool()>& happened) {
  const SteadyTime deadline = real_clock().steady() + kPatience;
  while (!happened()) {
    if (real_clock().steady() >= deadline) return false;
    sleep_for(real_clock(), 2ms, {});
    fixture_->let_time_pass();
  }
  return true;
}

void Conformance::ensure(const StreamConfig& config) {
  const auto ensured = broker_->ensure_stream(config).value();
  ASSERT_TRUE(ensured.created) << config.name;
  ASSERT_TRUE(ensured.drift.empty()) << ensured.drift.front().setting;
}

StreamConfig Conformance::ensure_work_queue(const std::string& name) {
  StreamConfig config{.name = name, .subjects = {name + ".>"}, .retention = Retention::kWorkQueue};
  ensure(config);
  return config;
}

StreamConfig Conformance::ensure_limits(const std::string& name) {
  StreamConfig config{.name = name, .subjects = {name + ".>"}};
  ensure(config);
  return config;
}

Result<Appended> Conformance::store(const std::string& stream, AppendRequest request) {
  auto results = broker_->append(stream, {&request, 1});
  EXPECT_EQ(results.size(), 1u);
  return results.at(0);
}

std::uint64_t Conformance::append(const std::string& stream, const std::string& subject, const std::string& payload) {
  return store(stream, {.message = {.subject = subject, .headers = {}, .payload = payload}}).value().sequence;
}

void Conformance::append_numbers(const std::string& stream, const std::string& subject, int count) {
  std::vector<AppendRequest> requests;
  for (const std::string& number : numbers(count)) {
    requests.push_back({.message = {.subject = subject, .headers = {}, .payload = number}});
  }
  for (const auto& result : broker_->append(stream, requests)) result.value();
}

std::unique_ptr<Consumer> Conformance::open_consumer(ConsumerConfig config) {
  return broker_->open_consumer(config).value();
}

std::unique_ptr<Consumer> Conformance::open_workers(const std::string& stream, Duration ack_wait) {
  return open_consumer({.stream = stream, .name = "workers", .ack_wait = ack_wait});
}

std::vector<Delivery> Conformance::fetch_once(Consumer& consumer, std::size_t max_count, Duration max_wait) {
  if (fixture_->manual_clock() == nullptr) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(max_wait);
    return consumer.fetch({.max_count = max_count, .max_wait = wait}, {}).value();
  }
  const SteadyTime deadline = now() + max_wait;
  while (true) {
    auto fetched = consumer.fetch({.max_count = max_count, .max_wait = 0ms}, {}).value();
    if (!fetched.empty() || now() >= deadline) return fetched;
    pass(5ms);
  }
}

std::vector<Delivery> Conformance::fetch(Consumer& consumer, std::size_t count) {
  std::vector<Delivery> all;
  const SteadyTime deadline = now() + kPatience;
  while (all.size() < count && now() < deadline) {
    auto some = fetch_once(consumer, count - all.size(), std::min<Duration>(deadline - now(), 1s));
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  EXPECT_EQ(all.size(), count);
  return all;
}

bool Conformance::nothing_comes(Consumer& consumer) {
  const auto fetched = fetch_once(consumer, 10, 50ms);
  for (const Delivery& delivery : fetched) ADD_FAILURE() << "came: " << delivery.message.payload;
  return fetched.empty();
}

Result<void> Conformance::settle(Consumer& consumer, const Delivery& delivery, Verdict verdict, Duration delay) {
  const Settlement settlement{.lease = delivery.lease, .verdict = verdict, .delay = delay, .confirm = true};
  auto results = consumer.settle({&settlement, 1});
  EXPECT_EQ(results.size(), 1u);
  return results.at(0);
}

std::vector<StoredMessage> Conformance::read_all(const ReaderConfig& config) {
  auto reader = broker_->open_reader(config).value();
  std::vector<StoredMessage> all;
  while (true) {
    auto some = reader->read({.max_wait = 0ms}, {}).value();
    if (some.empty()) return all;
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
}

std::vector<std::string> payloads(const std::vector<Delivery>& deliveries) {
  std::vector<std::string> out;
  for (const Delivery& delivery : deliveries) out.push_back(delivery.message.payload);
  return out;
}

std::vector<std::string> payloads(const std::vector<StoredMessage>& messages) {
  std::vector<std::string> out;
  for (const StoredMessage& message : messages) out.push_back(message.payload);
  return out;
}

std::vector<std::string> subjects(const std::vector<Delivery>& deliveries) {
  std::vector<std::string> out;
  for (const Delivery& delivery : deliveries) out.push_back(delivery.message.subject);
  return out;
}

std::vector<std::pair<std::string, std::string>> sorted(const Headers& headers) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : headers) out.emplace_back(name, value);
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back(std::to_string(i));
  return out;
}

}  // namespace leat::test
