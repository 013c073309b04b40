// The router, and each of its middleware.
#include "tests/pubsub/pubsub_suite.h"

namespace leat::test {
namespace {

class Routing : public PubSubSuite {
 protected:
  void SetUp() override {
    PubSubSuite::SetUp();
    orders_.emplace(publisher());
    mailer_.emplace(subscriber({.name = "mailer", .backoff = RetryPolicy::fixed(5ms)}));
  }
  void publish(const std::string& subject, const std::string& payload, Headers headers = {}) {
    ASSERT_TRUE(orders_->publish(subject, payload, {.headers = std::move(headers)}));
  }
  // Runs the router until everything that was published has its end, and `happened`.
  void run_until(Router& router, const std::function<bool()>& happened, RunOptions options = {}) {
    std::stop_source stop;
    Result<void> result;
    {
      const Thread running = start_thread(
          "run", [&](const std::stop_token&) { result = router.run(*mailer_, stop.get_token(), options); });
      EXPECT_TRUE(eventually([&] {
        const auto facts = this->facts("mailer");
        return happened() && facts.unsettled == 0 && facts.pending == 0;
      }));
      stop.request_stop();
    }
    EXPECT_TRUE(result);
  }
  Clock& clock() { return broker().clock(); }

  std::optional<Publisher> orders_;
  std::optional<Subscriber> mailer_;
};
LEAT_ON_EVERY_BROKER(Routing);

TEST_P(Routing, TheFirstFilterThatFitsHasTheMessage) {
  Seen seen;
  const auto see_as = [&seen](const std::string& name) {
    return [&seen, name](MessageContext& message) { seen.add(name + ":" + message.payload()); };
  };
  Router router;
  router.on("orders.*.created", see_as("created"))
      .on("orders.eu.>", see_as("eu"))
      .otherwise([&](MessageContext& message) -> Result<void> {
        seen.add("other:" + message.payload());
        return message.message().deliveries() > 1 ? Result<void>() : Error(ErrorCode::kUnavailable, "once more");
      });
  publish("eu.created", "1");
  publish("eu.paid", "2");
  publish("us.paid", "3");
  run_until(router, [&] { return seen.size() == 4; });
  const auto all = seen.all();
  EXPECT_EQ(std::multiset<std::string>(all.begin(), all.end()),
            (std::multiset<std::string>{"created:1", "eu:2", "other:3", "other:3"}));
}

TEST_P(Routing, OutcomesAreVerdicts) {
  Seen seen;
  std::atomic<int> given_up{0};
  mailer_.emplace(
      subscriber({.name = "mailer", .on_given_up = [&](const GivenUpMessage& message) {
                    EXPECT_TRUE(message.reason == "never" || message.reason == "no handler for subject orders.b")
                        << message.reason;
                    ++given_up;
                  }}));
  Router router;
  router.on("orders.a", [&](MessageContext& message) {
    seen.add(message.payload());
    if (message.message().deliveries() > 1) return Outcome::done();
    if (message.payload() == "retry") return Outcome::retry("no");
    if (message.payload() == "later") return Outcome::retry_after(30ms, "no");
    if (message.payload() == "snooze") return Outcome::snooze(30ms);
    if (message.payload() == "dead") return Outcome::dead("never");
    if (message.payload() == "throw") throw std::runtime_error("no");
    return Outcome::cancelled();
  });
  for (const char* each : {"retry", "later", "snooze", "dead", "throw", "cancel"}) publish("a", each);
  publish("b", "nobody's");
  run_until(router, [&] { return seen.size() == 10 && given_up == 2; });
}

TEST_P(Routing, MiddlewareRunsFromTheOutsideIn) {
  std::string order;
  const auto note = [&order](const std::string& name) {
    return [&order, name](MessageContext& message, const MessageHandler& next) {
      order += name + "(";
      Outcome outcome = next(message);
      order += ")";
      return outcome;
    };
  };
  Router router;
  router.on("orders.a", [&](MessageContext&) { order += "handler"; }, {note("c"), note("d")});
  router.use(note("a")).use(note("b"));
  publish("a", "1");
  std::atomic<bool> over{false};
  router.use([&over](MessageContext& message, const MessageHandler& next) {
    Outcome outcome = next(message);
    over = true;
    return outcome;
  });
  run_until(router, [&] { return over.load(); });
  EXPECT_EQ(order, "a(b(c(d(handler))))");
}

TEST_P(Routing, ABadFilterIsRefused) {
  Router router;
  router.on("orders..a", [](MessageContext&) {});
  EXPECT_CODE(router.run(*mailer_, {}), ErrorCode::kInvalidArgument);
}

TEST_P(Routing, RecoverMakesOutcomesOfExceptions) {
  Seen outcomes;
  Router router;
  router.use([&](MessageContext& message, const MessageHandler& next) {
    const Outcome outcome = next(message);
    outcomes.add(outcome.text());
    return Outcome::done();
  });
  router.on("orders.a", [](MessageContext&) { throw std::runtime_error("first"); }, {recover()});
  router.on(
      "orders.b", [](MessageContext&) { throw std::logic_error("second"); },
      {recover([](const std::exception& thrown) { return Outcome::dead(std::string("dead: ") + thrown.what()); })});
  router.on("orders.c", [](MessageContext&) { throw 7; }, {recover()});
  for (const char* each : {"a", "b", "c"}) publish(each, "1");
  run_until(router, [&] { return outcomes.size() == 3; });
  EXPECT_EQ(outcomes.all(),
            (std::vector<std::string>{"first", "dead: second", "an exception that is no std::exception"}));
}

TEST_P(Routing, RetryInPlaceCallsAgain) {
  std::atomic<int> calls{0};
  std::atomic<std::uint32_t> most_deliveries{0};
  Router router;
  router.use(retry_in_place({.attempts = 3, .backoff = RetryPolicy::fixed(5ms)}, clock())).use(recover());
  router.on("orders.a", [&](MessageContext& message) {
    most_deliveries = std::max(most_deliveries.load(), message.message().deliveries());
    if (++calls < 5) throw std::runtime_error("not yet");
  });
  publish("a", "1");
  run_until(router, [&] { return calls == 5; });
  EXPECT_EQ(most_deliveries, 2U);  // three calls, then it went back once
  EXPECT_THROW(retry_in_place({.attempts = 0}), std::invalid_argument);
}

TEST_P(Routing, PoisonGoesToItsQueue) {
  Publisher poison = publisher({.stream = "poison"});
  std::atomic<int> calls{0};
  Router router;
  router.use(poison_queue(poison, {.subject = "mailer", .after = 2})).use(recover());
  router.on("orders.a", [&](MessageContext&) {
    ++calls;
    throw std::runtime_error("it does not parse");
  });
  router.on("orders.b", [](MessageContext&) { return Outcome::dead("never"); });
  publish("a", "bytes");
  run_until(router, [&] { return calls == 2; });
  const auto letter = broker().admin().read_last("poison", "poison.mailer").value();
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->payload, "bytes");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Reason"), "it does not parse");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Deliveries"), "2");
  EXPECT_EQ(broker().admin().stream("poison").value().messages, 1U);
  EXPECT_THROW(poison_queue(poison, {.after = 0}), std::invalid_argument);
}

TEST_P(Routing, APoisonQueueTellsMessagesOfAStreamThatWasMadeAgainApart) {
  Publisher poison = publisher({.stream = "poison"});
  Router router;
  router.use(poison_queue(poison, {.subject = "mailer", .after = 1})).on("orders.a", [](MessageContext&) {
    return Outcome::dead("never");
  });
  const auto letters = [&] { return broker().admin().stream("poison").value().messages; };
  publish("a", "first");
  run_until(router, [&] { return letters() == 1; });
  mailer_.reset();
  ASSERT_TRUE(broker().admin().delete_stream("orders"));
  orders_.emplace(publisher());
  mailer_.emplace(subscriber());
  pass(1ms);
  publish("a", "second");
  run_until(router, [] { return true; });
  EXPECT_EQ(letters(), 2U);
}

TEST_P(Routing, ThrottleSpreadsCalls) {
  Mutex mutex;
  std::vector<SteadyTime> began;
  Router router;
  router.use(throttle({.per_second = 20, .burst = 2}, clock()));
  router.on("orders.a", [&](MessageContext&) {
    MutexLock lock(mutex);
    began.push_back(now());
  });
  for (int i = 0; i < 6; ++i) publish("a", "1");
  run_until(router,
            [&] {
              MutexLock lock(mutex);
              return began.size() == 6;
            },
            {.concurrency = 2});
  ASSERT_EQ(began.size(), 6U);
  EXPECT_GE(began.back() - began.front(), 150ms);  // two at once, then one each 50 ms, the first perhaps seen late
  EXPECT_THROW(throttle({.per_second = 0}), std::invalid_argument);
}

TEST_P(Routing, ATimeLimitFiresTheStopToken) {
  std::atomic<int> calls{0};
  Seen outcomes;
  Router router;
  router.use([&](MessageContext& message, const MessageHandler& next) {
    Outcome outcome = next(message);
    EXPECT_FALSE(message.stop_token().stop_requested());
    outcomes.add(outcome.text());
    return outcome;
  });
  router.use(time_limit(100ms, clock()));
  router.on("orders.a", [&](MessageContext& message) {
    if (++calls > 1) return Outcome::done();
    leat::sleep_for(real_clock(), 1h, message.stop_token());
    return Outcome::retry("stopped");
  });
  publish("a", "1");
  run_until(router, [&] { return calls == 2; });
  EXPECT_EQ(outcomes.all(), (std::vector<std::string>{"it took longer than 100ms: stopped", ""}));
  EXPECT_THROW(time_limit(0ms), std::invalid_argument);
}

// Without the stop token of the run, a handler under a time limit would not hear of the stop.
TEST_P(Routing, AStopIsHeardUnderATimeLimit) {
  Router router;
  router.use(time_limit(1h, clock()));
  std::atomic<bool> begun{false};
  router.on("orders.a", [&](MessageContext& message) {
    begun = true;
    leat::sleep_for(real_clock(), 1h, message.stop_token());
    return Outcome::snooze(0ms);
  });
  publish("a", "1");
  std::stop_source stop;
  const Thread running =
      start_thread("run", [&](const std::stop_token&) { EXPECT_TRUE(router.run(*mailer_, stop.get_token())); });
  EXPECT_TRUE(eventually([&] { return begun.load(); }));
  stop.request_stop();
}

TEST_P(Routing, DuplicatesAreDropped) {
  std::atomic<int> calls{0};
  std::atomic<int> ended{0};
  Router router;
  router.use([&](MessageContext& message, const MessageHandler& next) {
    Outcome outcome = next(message);
    ++ended;
    return outcome;
  });
  router.use(drop_duplicates(
      {.id = [](const MessageContext& message) { return std::string(message.headers().get("id").value_or("")); },
       .window = 2s},
      clock()));
  router.on("orders.a", [&](MessageContext&) {
    if (++calls == 1) return Outcome::retry("the first call fails: its id is not remembered");
    return Outcome::done();
  });
  Headers headers;
  headers.set("id", "7");
  for (int i = 0; i < 3; ++i) publish("a", "1", headers);
  publish("a", "no id");
  publish("a", "no id");
  std::stop_source stop;
  {
    const Thread running =
        start_thread("run", [&](const std::stop_token&) { EXPECT_TRUE(router.run(*mailer_, stop.get_token())); });
    EXPECT_TRUE(eventually([&] { return ended == 6; }));
    EXPECT_EQ(calls, 4);
    pass(2100ms);
    publish("a", "1", headers);
    EXPECT_TRUE(eventually([&] { return calls == 5; }));
    stop.request_stop();
  }
  EXPECT_THROW(drop_duplicates({.window = 0ms}), std::invalid_argument);
}

TEST_P(Routing, CorrelationGoesAlong) {
  Publisher mails = publisher({.stream = "mails"});
  Router router;
  router.use(correlate());
  std::atomic<int> published{0};
  router.on("orders.a", [&](MessageContext& message) {
    EXPECT_TRUE(mails.publish("sent", message.payload(), {.headers = message.outgoing()}));
    ++published;
  });
  Headers headers;
  headers.set("Correlation-Id", "abc");
  publish("a", "1", headers);
  publish("a", "2");
  run_until(router, [&] { return published == 2; });
  Subscriber reader(broker(), {.stream = "mails", .name = "reader"});
  auto first = next(reader);
  auto second = next(reader);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->headers().get("Correlation-Id"), "abc");
  EXPECT_EQ(second->headers().get("Correlation-Id"), "orders-2");
}

TEST_P(Routing, AMiddlewareOfOnesOwn) {
  std::atomic<int> calls{0};
  Router router;
  router.use([](MessageContext& message, const MessageHandler& next) {
    return message.headers().get("tenant") == "blocked" ? Outcome::cancelled() : next(message);
  });
  router.on("orders.a", [&](MessageContext&) { ++calls; });
  Headers headers;
  headers.set("tenant", "blocked");
  publish("a", "1", headers);
  publish("a", "2");
  run_until(router, [&] { return calls == 1; });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace leat::test
