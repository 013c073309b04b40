// Several processes on one file. Each child is forked before this process opens the file.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <set>

#include "broker/sqlite/database.h"
#include "leat/sqlite_broker.h"
#include "tests/support/temporary_directory.h"

namespace leat::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPatience = 20s;

// A child process that runs `body(say)` and ends; `say` writes one byte that hear() returns.
class Child {
 public:
  using Say = std::function<void()>;

  explicit Child(const std::function<void(const Say&)>& body) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    pid_ = fork();
    if (pid_ == 0) run(body, ends[1]);
    close(ends[1]);
    heard_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) end(SIGKILL);
    close(heard_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool hear() const {
    char byte = 0;
    return read(heard_, &byte, 1) == 1;
  }
  void end(int signal) {
    kill(pid_, signal);
    wait();
  }
  int wait() {
    int status = -1;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  [[noreturn]] static void run(const std::function<void(const Say&)>& body, int out) {
    try {
      body([out] { (void)!write(out, "x", 1); });
    } catch (const Error& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      _exit(1);
    }
    _exit(0);
  }

  pid_t pid_ = -1;
  int heard_ = -1;
};

class SqliteProcesses : public testing::Test {
 protected:
  static constexpr const char* kStream = "s";

  // In a child of its own, so that this process has not opened the file when it forks the others.
  void SetUp() override {
    Child setup([&](const Child::Say&) {
      open()->ensure_stream({.name = kStream, .subjects = {"s.>"}, .retention = Retention::kWorkQueue}).value();
    });
    ASSERT_EQ(setup.wait(), 0);
  }

  std::unique_ptr<Broker> open() const { return open_sqlite_broker(path_).value(); }

  static std::unique_ptr<Consumer> subscribe(Broker& broker, Duration ack_wait) {
    return broker.open_consumer({.stream = kStream, .name = "workers", .ack_wait = ack_wait}).value();
  }

  static void append(Broker& broker, const std::string& payload) {
    const AppendRequest request{.message = {.subject = "s.x", .headers = {}, .payload = payload}};
    broker.append(kStream, {&request, 1}).front().value();
  }

  static std::vector<Delivery> fetch(Consumer& consumer, std::size_t count) {
    return consumer.fetch({.max_count = count, .max_wait = kPatience}, {}).value();
  }

  test::TemporaryDirectory directory_;
  const std::string path_ = (directory_.path() / "test.db").string();
};

TEST_F(SqliteProcesses, WritersOfSeveralProcessesLoseNothing) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 200;
  std::vector<std::unique_ptr<Child>> children;
  for (int process = 0; process < kProcesses; ++process) {
    children.push_back(std::make_unique<Child>([&, process](const Child::Say&) {
      auto broker = open();
      for (int i = 0; i < kEach; ++i) append(*broker, std::to_string(process * kEach + i));
    }));
  }
  for (auto& child : children) EXPECT_EQ(child->wait(), 0);
  auto broker = open();
  auto consumer = subscribe(*broker, 30s);
  std::set<std::string> payloads;
  std::uint64_t last = 0;
  for (const Delivery& delivery : fetch(*consumer, 10'000)) {
    payloads.insert(delivery.message.payload);
    EXPECT_EQ(delivery.lease.sequence, ++last);
  }
  EXPECT_EQ(payloads.size(), std::size_t{kProcesses * kEach});
}

TEST_F(SqliteProcesses, ConsumersOfSeveralProcessesShareWithoutOverlap) {
  constexpr int kMessages = 400;
  const auto work = [&](const Child::Say& say) {
    auto broker = open();
    auto consumer = subscribe(*broker, 30s);
    for (bool idle = false; !idle;) {
      const auto deliveries = consumer->fetch({.max_count = 7, .max_wait = 500ms}, {}).value();
      idle = deliveries.empty();
      for (const Delivery& delivery : deliveries) {
        const Settlement done{.lease = delivery.lease};
        consumer->settle({&done, 1}).front().value();
        say();
      }
    }
  };
  Child feeder([&](const Child::Say&) {
    auto broker = open();
    for (int i = 0; i < kMessages; ++i) append(*broker, std::to_string(i));
  });
  ASSERT_EQ(feeder.wait(), 0);
  Child one(work);
  Child other(work);
  int settled = 0;
  for (Child* child : {&one, &other}) {
    while (child->hear()) ++settled;
    EXPECT_EQ(child->wait(), 0);
  }
  EXPECT_EQ(settled, kMessages);
  EXPECT_EQ(open()->admin().stream(kStream).value().messages, 0u);
}

TEST_F(SqliteProcesses, LeasesOfAKilledProcessRunOut) {
  constexpr Duration kAckWait = 300ms;
  Child victim([&](const Child::Say& say) {
    auto broker = open();
    auto consumer = subscribe(*broker, kAckWait);
    append(*broker, "one");
    append(*broker, "two");
    if (fetch(*consumer, 2).size() == 2) say();
    pause();
  });
  ASSERT_TRUE(victim.hear());
  victim.end(SIGKILL);
  auto broker = open();
  auto consumer = subscribe(*broker, kAckWait);
  const auto again = fetch(*consumer, 10);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].lease.delivery_count, 2u);
  EXPECT_EQ(again[1].message.payload, "two");
}

TEST_F(SqliteProcesses, AnAppendWakesAnotherProcess) {
  Child waiter([&](const Child::Say& say) {
    auto broker = open();
    auto consumer = subscribe(*broker, 30s);
    say();
    if (fetch(*consumer, 1).size() == 1) say();
  });
  ASSERT_TRUE(waiter.hear());
  auto broker = open();
  const SteadyTime begin = real_clock().steady();
  append(*broker, "wake up");
  ASSERT_TRUE(waiter.hear());
  EXPECT_LT(real_clock().steady() - begin, kPatience / 4) << "it was not woken, it had waited long enough";
  EXPECT_EQ(waiter.wait(), 0);
}

TEST_F(SqliteProcesses, AWriteIsSeenByAWatchInAnotherProcess) {
  Child watcher([&](const Child::Say& say) {
    auto broker = open();
    auto bucket = broker->open_bucket({.name = "b"}).value();
    auto watch = bucket->watch("").value();
    say();
    while (watch->next(kPatience, {}).value().empty()) {
    }
    say();
  });
  ASSERT_TRUE(watcher.hear());
  auto broker = open();
  const SteadyTime begin = real_clock().steady();
  broker->open_bucket({.name = "b"}).value()->put("key", "value").value();
  ASSERT_TRUE(watcher.hear());
  EXPECT_LT(real_clock().steady() - begin, kPatience / 4);
}

TEST_F(SqliteProcesses, AForeignLockIsNamed) {
  const std::string foreign = (directory_.path() / "foreign.db").string();
  Child holder([&](const Child::Say& say) {
    Database database(foreign, Database::Mode::kCreate, [](int) { return true; });
    database.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE held(x)");
    say();
    pause();
  });
  ASSERT_TRUE(holder.hear());
  const auto opened = open_sqlite_broker(foreign);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(opened.error().message().starts_with("\"" + foreign + "\" is locked by process "))
      << opened.error().message();
  EXPECT_TRUE(opened.error().message().ends_with(": let it finish, or end it, and try again"));
  EXPECT_FALSE(std::filesystem::exists(foreign + "-wake")) << "it may be another program's";
}

}  // namespace
}  // namespace leat::sqlite
