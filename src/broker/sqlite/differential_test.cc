// The same random calls on the memory broker and on the SQLite broker must have the same results.
#include <gtest/gtest.h>

#include <random>

#include "broker/sqlite/database.h"
#include "leat/memory_broker.h"
#include "leat/sqlite_broker.h"
#include "leat/testing.h"
#include "tests/support/temporary_directory.h"

namespace leat::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr int kSteps = 600;

std::string show(const Result<void>& result) {
  return result ? "ok" : std::string(to_string(result.error().code()));
}

// One broker with two subscriptions, and what they hold.
class Side {
 public:
  Side(std::unique_ptr<Broker> broker, const StreamConfig& config) : broker_(std::move(broker)) {
    broker_->ensure_stream(config).value();
    for (const char* filter : {"s.a.>", "s.b.*"}) {
      const ConsumerConfig subscription{.stream = "s",
                                        .name = "c" + std::to_string(consumers_.size()),
                                        .filter = filter,
                                        .ack_wait = 10s,
                                        .max_unsettled = 40};
      consumers_.push_back(broker_->open_consumer(subscription).value());
    }
    held_.resize(consumers_.size());
  }

  std::string append(const std::vector<AppendRequest>& requests) {
    std::string seen;
    for (const auto& result : broker_->append("s", requests)) {
      seen += result ? std::to_string(result->sequence) + (result->duplicate ? "d " : " ")
                     : std::string(to_string(result.error().code())) + " ";
    }
    return seen;
  }

  std::string fetch(std::size_t at, std::size_t count) {
    std::string seen;
    std::vector<Delivery> deliveries = consumers_[at]->fetch({.max_count = count, .max_wait = 0ms}, {}).value();
    for (Delivery& delivery : deliveries) {
      seen += std::to_string(delivery.lease.sequence) + "/" + std::to_string(delivery.lease.delivery_count) + " " +
              delivery.message.payload + " ";
      held_[at].push_back(std::move(delivery.lease));
    }
    return seen;
  }

  // Settles or extends `count` of what was ever held, from `from` on; settled twice now and then.
  std::string settle(std::size_t at, std::size_t from, std::size_t count, Verdict verdict, Duration delay) {
    std::vector<Settlement> settlements;
    for (const Lease& lease : pick(at, from, count)) {
      settlements.push_back({.lease = lease, .verdict = verdict, .delay = delay});
    }
    std::string seen;
    for (const auto& result : consumers_[at]->settle(settlements)) seen += show(result) + " ";
    return seen;
  }

  std::string extend(std::size_t at, std::size_t from, std::size_t count) {
    std::string seen;
    for (const auto& result : consumers_[at]->extend(pick(at, from, count))) seen += show(result) + " ";
    return seen;
  }

  std::string facts() {
    const StreamFacts stream = broker_->admin().stream("s", "s.a.>").value();
    std::string seen = std::to_string(stream.messages) + " " + std::to_string(stream.bytes) + " " +
                       std::to_string(stream.first_sequence) + " " + std::to_string(stream.selected) + ";";
    const std::vector<ConsumerFacts> consumers = broker_->admin().consumers("s").value();
    for (const ConsumerFacts& facts : consumers) {
      seen += facts.name + " " + std::to_string(facts.pending) + " " + std::to_string(facts.unsettled) + " " +
              std::to_string(facts.redelivered) + ";";
    }
    return seen;
  }

  std::string remove(std::uint64_t sequence) {
    return broker_->admin().remove("s", sequence).value() ? "removed" : "not there";
  }
  std::string purge(const std::string& filter) { return std::to_string(broker_->admin().purge("s", filter).value()); }
  std::size_t held(std::size_t at) const { return held_[at].size(); }

 private:
  std::vector<Lease> pick(std::size_t at, std::size_t from, std::size_t count) const {
    const auto begin = held_[at].begin() + static_cast<std::ptrdiff_t>(from);
    return {begin, begin + static_cast<std::ptrdiff_t>(std::min(count, held_[at].size() - from))};
  }

  std::unique_ptr<Broker> broker_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::vector<std::vector<Lease>> held_;
};

struct Case {
  const char* name;
  unsigned seed;
  StreamConfig config;
};

std::ostream& operator<<(std::ostream& out, const Case& which) {
  return out << which.name << " " << which.seed;
}

class Differential : public testing::TestWithParam<Case> {
 protected:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

  std::vector<AppendRequest> make_requests() {
    std::vector<AppendRequest> requests(1 + below(12));
    for (AppendRequest& request : requests) {
      const char* subjects[] = {"s.a.x", "s.a.y", "s.b.x", "s.b.y", "s.c"};
      request.message.subject = subjects[below(5)];
      request.message.payload = std::to_string(++appended_);
      if (below(4) == 0) request.message_id = "id" + std::to_string(below(20));
      if (below(8) == 0) request.expected_last = below(2) * below(50);
    }
    return requests;
  }

  template <class Call>
  void both(Call call) {
    const std::string expected = call(memory_);
    ASSERT_EQ(call(sqlite_), expected) << "step " << step_;
  }

  void take_step() {
    const std::size_t at = below(2);
    const std::size_t kind = below(20);
    if (kind < 5) {
      const auto requests = make_requests();
      both([&](Side& side) { return side.append(requests); });
    } else if (kind < 10) {
      const std::size_t count = 1 + below(15);
      both([&](Side& side) { return side.fetch(at, count); });
    } else if (kind < 17) {
      take_lease_step(at, kind);
    } else if (kind < 18) {
      clock_.advance(std::chrono::seconds(1 + below(6)));
    } else if (below(8) == 0) {
      const char* filters[] = {"s.a.y", "s.b.>", "s.*.x"};
      const std::string filter = filters[below(3)];
      both([&](Side& side) { return side.purge(filter); });
    } else {
      const std::uint64_t sequence = 1 + below(appended_ + 1);
      both([&](Side& side) { return side.remove(sequence); });
    }
  }

  void take_lease_step(std::size_t at, std::size_t kind) {
    if (memory_.held(at) == 0) return;
    const std::size_t newest = std::min<std::size_t>(memory_.held(at), 30);
    const std::size_t from = memory_.held(at) - 1 - below(newest);
    const std::size_t count = 1 + below(12);
    const Duration delay = std::chrono::seconds(below(8));
    if (kind == 16) {
      both([&](Side& side) { return side.extend(at, from, count); });
    } else {
      const Verdict verdict = kind == 15 ? Verdict::kRetry : Verdict::kDone;
      both([&](Side& side) { return side.settle(at, from, count, verdict, delay); });
    }
  }

  test::TemporaryDirectory directory_;
  ManualClock clock_;
  std::mt19937 random_{GetParam().seed};
  std::string path_ = (directory_.path() / "test.db").string();
  Side memory_{open_memory_broker({.clock = &clock_}), GetParam().config};
  Side sqlite_{open_sqlite_broker(path_, {.sync = SqliteOptions::Sync::kNormal, .clock = &clock_}).value(),
               GetParam().config};
  std::size_t appended_ = 0;
  int step_ = 0;
};

TEST_P(Differential, SameAnswersAsMemory) {
  for (step_ = 0; step_ < kSteps && !HasFatalFailure(); ++step_) {
    take_step();
    if (step_ % 10 == 0) both([](Side& side) { return side.facts(); });
  }
  EXPECT_GT(appended_, 100u);
}

TEST_P(Differential, NothingIsLeftOfLeasesWhenAllIsPurged) {
  for (step_ = 0; step_ < kSteps / 4 && !HasFatalFailure(); ++step_) take_step();
  both([](Side& side) { return side.purge(">"); });
  both([](Side& side) { return side.facts(); });
  Database database(path_, Database::Mode::kExisting, [](int) { return true; });
  EXPECT_EQ(database.read_integer("SELECT count(*) FROM claims"), 0);
  EXPECT_EQ(database.read_integer("SELECT count(*) FROM leases"), 0);
  EXPECT_EQ(database.read_integer("SELECT sum(claimed + leased) FROM consumers"), 0);
}

StreamConfig stream_with(StreamConfig config) {
  config.name = "s";
  config.subjects = {"s.>"};
  config.dedupe_window = 20s;
  return config;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    all.push_back({"work queue", seed, stream_with({.retention = Retention::kWorkQueue})});
    all.push_back({"work queue with limits", seed,
                   stream_with({.retention = Retention::kWorkQueue, .max_age = 25s, .max_messages = 60})});
    all.push_back({"limits", seed, stream_with({.max_age = 30s, .max_bytes = 600, .max_messages_per_subject = 20})});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, Differential, testing::ValuesIn(cases()));

}  // namespace
}  // namespace leat::sqlite
