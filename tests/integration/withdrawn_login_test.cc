// What happens to a client whose credentials the server takes no more: it hears of it, wherever it waits.
#include <gtest/gtest.h>

#include <atomic>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/jetstream_broker.h"
#include "leat/subscriber.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WithdrawnLogin : public testing::TestWithParam<NatsBinary> {
 protected:
  static std::string users(const std::string& name) {
    return "authorization { users = [ { user: " + name + ", password: \"s3cr3t-word\" } ] }";
  }
  void SetUp() override {
    ASSERT_TRUE(broker_->ensure_stream({.name = "events", .subjects = {"events.>"}}));
    const AppendRequest first{.message = {.subject = "events.a", .payload = "1"}};
    ASSERT_TRUE(broker_->append("events", {&first, 1}).front());
  }
  Broker& broker() { return *broker_; }
  void withdraw() { server_.reload(users("somebody_else")); }

  // Calls until it is refused. What was on its way when the server ended the connection may have another error.
  template <class Call>
  static Error error_of(Call call) {
    const SteadyTime until = real_clock().steady() + seconds(30);
    while (real_clock().steady() < until) {
      auto result = call();
      if (!result && result.error().code() == ErrorCode::kDenied) return result.error();
    }
    return {ErrorCode::kInternal, "nothing was refused"};
  }
  static void expect_denied(const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(ErrorCode::kDenied)) << error.message();
    EXPECT_NE(error.message().find("check the credentials"), std::string::npos) << error.message();
    EXPECT_EQ(error.message().find("s3cr3t"), std::string::npos) << error.message();
  }

 private:
  NatsServer server_{{.binary = GetParam(), .config = users("ada")}};
  std::unique_ptr<Broker> broker_ =
      open_jetstream_broker({.servers = {server_.address()}, .user = "ada", .password = "s3cr3t-word"}).value();
};

TEST_P(WithdrawnLogin, IsAnErrorOfFetchAndRead) {
  auto consumer = broker().open_consumer({.stream = "events", .name = "reader"}).value();
  auto reader = broker().open_reader({.stream = "events", .follow = true}).value();
  ASSERT_EQ(consumer->fetch({.max_wait = seconds(10), .ahead = 10}, {}).value().size(), 1U);
  ASSERT_EQ(reader->read({.max_wait = seconds(10)}, {}).value().size(), 1U);
  Error fetch_error(ErrorCode::kInternal, "");
  Thread fetching = start_thread("fetching", [&](const std::stop_token&) {
    fetch_error = error_of([&] { return consumer->fetch({.max_wait = seconds(20), .ahead = 10}, {}); });
  });
  withdraw();
  expect_denied(error_of([&] { return reader->read({.max_wait = seconds(20)}, {}); }));
  fetching.join();
  expect_denied(fetch_error);
}

TEST_P(WithdrawnLogin, IsAnErrorOfAppendAndOfRecords) {
  auto records = broker().open_bucket({.name = "records"}).value();
  withdraw();
  const AppendRequest more{.message = {.subject = "events.a", .payload = "2"}, .message_id = "m"};
  const SteadyTime begin = real_clock().steady();
  expect_denied(error_of([&] { return std::move(broker().append("events", {&more, 1}).front()); }));
  EXPECT_LT(real_clock().steady() - begin, seconds(20));
  expect_denied(error_of([&] { return records->get("key"); }));
}

TEST_P(WithdrawnLogin, EndsASubscription) {
  Subscriber subscriber(broker(), {.stream = "events", .name = "reader"});
  std::atomic<int> seen{0};
  std::atomic<bool> withdrawn{false};
  std::stop_source give_up;
  Thread withdrawing = start_thread("withdrawing", [&](const std::stop_token& stop) {
    while (seen == 0 && !stop.stop_requested()) sleep_for(real_clock(), milliseconds(5), stop);
    withdraw();
    withdrawn = true;
    if (sleep_for(real_clock(), seconds(30), stop)) give_up.request_stop();
  });
  const auto ended = subscriber.run(
      [&](ReceivedMessage message) {
        ++seen;
        message.ack();
      },
      give_up.get_token());
  EXPECT_TRUE(withdrawn);
  ASSERT_FALSE(ended);
  expect_denied(ended.error());
}

INSTANTIATE_TEST_SUITE_P(Servers, WithdrawnLogin, testing::ValuesIn(nats_server_binaries()), [](const auto& each) {
  std::string name = "v" + each.param.version;
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace leat::test
