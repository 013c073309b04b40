// Dead letters on every broker: selected, retried and discarded in numbers, edited, exported and imported.
#include "tests/support/dead_letter_lines.h"

#include <set>

#include "broker/fault_broker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/kept_lines.h"
#include "tests/support/watched_broker.h"

namespace leat::test {
namespace {

class Dead : public JobsSuite {
 protected:
  // Letters with the numbers from `first` on.
  void bury(int count, int first = 0) {
    constexpr std::array kLevels{"high", "medium", "low"};
    std::string text;
    for (int i = first; i < first + count; ++i) {
      text += DeadLine{.number = i, .priority = kLevels[static_cast<std::size_t>(i) % 3], .died_at = now()}.str();
    }
    ASSERT_EQ(import_text(broker(), text).added, static_cast<std::uint64_t>(count));
  }
  SystemTime now() { return broker().clock().now(); }
  std::uint64_t waiting() { return messages("leat_high") + messages("leat_medium") + messages("leat_low"); }
  std::string exported(const std::string& name_space) {
    std::ostringstream out;
    EXPECT_TRUE(DeadLetters(broker(), {.name = name_space}).export_to(out));
    return out.str();
  }
};

std::vector<std::string> payloads(const std::vector<DeadLetter>& letters) {
  std::vector<std::string> all;
  for (const DeadLetter& letter : letters) all.push_back(letter.payload);
  return all;
}

TEST_P(Dead, AFilterSelects) {
  std::string text;
  text += DeadLine{.number = 1, .queue = "mail", .died_at = now() - 3h}.str();
  text += DeadLine{.number = 2, .kind = "resize", .error = "connection refused", .died_at = now() - 2h}.str();
  text += DeadLine{.number = 3, .reason = "attempts", .error = "connection reset", .died_at = now() - 1h}.str();
  text += DeadLine{.number = 4, .kind = "resize", .reason = "attempts", .died_at = now()}.str();
  ASSERT_EQ(import_text(broker(), text).added, 4U);
  DeadLetters dead(broker());
  const std::uint64_t first = dead.list().value().front().number;
  using Numbers = std::vector<std::string>;
  const auto selected = [&](const DeadLetterFilter& filter) { return payloads(dead.list(filter).value()); };
  EXPECT_EQ(selected({}), (Numbers{"1", "2", "3", "4"}));
  EXPECT_EQ(selected({.queue = "mail"}), (Numbers{"1"}));
  EXPECT_EQ(selected({.kind = "resize"}), (Numbers{"2", "4"}));
  EXPECT_EQ(selected({.reason = "attempts"}), (Numbers{"3", "4"}));
  EXPECT_EQ(selected({.error = "connection"}), (Numbers{"2", "3"}));
  EXPECT_EQ(selected({.older_than = 90min}), (Numbers{"1", "2"}));
  EXPECT_EQ(selected({.younger_than = 90min}), (Numbers{"3", "4"}));
  EXPECT_EQ(selected({.older_than = 90min, .younger_than = 150min}), (Numbers{"2"}));
  EXPECT_EQ(selected({.after = first, .up_to = first + 2}), (Numbers{"2", "3"}));
  EXPECT_EQ(selected({.kind = "resize", .limit = 1}), (Numbers{"2"}));
  EXPECT_EQ(selected({.kind = "resize", .reason = "dead", .error = "refused"}), (Numbers{"2"}));
  EXPECT_EQ(selected({.queue = "nobody"}), Numbers{});
  EXPECT_EQ(selected({.up_to = first - 1}), Numbers{});
  const auto bare = dead.list({.queue = "mail", .payloads = DeadLetterFilter::Payloads::kLeaveOut}).value();
  EXPECT_EQ(bare.front().payload, "");
  EXPECT_EQ(bare.front().error, "no");
}

TEST_P(Dead, PagesFollowEachOther) {
  bury(600);
  DeadLetters dead(broker());
  std::vector<std::string> read;
  std::uint64_t after = 0;
  while (true) {
    const auto page = dead.list({.after = after, .limit = 100}).value();
    if (page.empty()) break;
    EXPECT_EQ(page.size(), 100U);
    after = page.back().number;
    for (const std::string& payload : payloads(page)) read.push_back(payload);
  }
  ASSERT_EQ(read.size(), 600U);
  for (std::size_t i = 0; i < read.size(); ++i) EXPECT_EQ(read[i], std::to_string(i));
}

TEST_P(Dead, ManyAreRetriedAndRunOnceEach) {
  constexpr int kJobs = 700;
  bury(kJobs);
  Worker worker(broker(), {.concurrency = 2});
  Tally tally(kJobs);
  worker.handle("number", [&](JobContext& job) {
    tally.mark(job.payload());
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  std::uint64_t seen = 0;
  const auto report = DeadLetters(broker()).retry_many({}, {.on_progress = [&](const DeadLetterReport& so_far) {
                                                         EXPECT_GT(so_far.done, seen);
                                                         seen = so_far.done;
                                                       }});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->done, static_cast<std::uint64_t>(kJobs));
  EXPECT_EQ(seen, static_cast<std::uint64_t>(kJobs));
  EXPECT_EQ(report->failed, 0U);
  EXPECT_FALSE(report->ended_by);
  EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs; })) << worker.counts().done;
  EXPECT_TRUE(tally.all_between(1, 1));
  EXPECT_TRUE(DeadLetters(broker()).list().value().empty());
}

TEST_P(Dead, ThoseThatDieMeanwhileAreLeftAlone) {
  bury(3);
  const auto report = DeadLetters(broker()).retry_many({}, {.on_progress = [&](const DeadLetterReport& so_far) {
                                                         if (so_far.done == 3) bury(1, 10);
                                                       }});
  EXPECT_EQ(report.value().done, 3U);
  EXPECT_EQ(payloads(DeadLetters(broker()).list().value()), std::vector<std::string>{"10"});
}

TEST_P(Dead, AStopEndsARunBetweenTwoBatches) {
  bury(600);
  std::stop_source stop;
  const auto report = DeadLetters(broker()).retry_many(
      {}, {.on_progress = [&](const DeadLetterReport&) { stop.request_stop(); }}, stop.get_token());
  ASSERT_TRUE(report);
  EXPECT_GT(report->done, 0U);
  EXPECT_LT(report->done, 600U);
  EXPECT_EQ(waiting(), report->done);
  EXPECT_EQ(DeadLetters(broker()).list().value().size(), 600 - report->done);
}

TEST_P(Dead, ManyAreDiscarded) {
  bury(50);
  ASSERT_EQ(import_text(broker(), DeadLine{.number = 100, .kind = "keep"}.str()).added, 1U);
  DeadLetters dead(broker());
  EXPECT_EQ(dead.discard_many({.kind = "number", .limit = 20}).value().done, 20U);
  EXPECT_EQ(dead.list().value().front().payload, "20");
  EXPECT_EQ(dead.discard_many({.kind = "number"}).value().done, 30U);
  EXPECT_EQ(payloads(dead.list().value()), std::vector<std::string>{"100"});
  EXPECT_EQ(waiting(), 0U);
}

TEST_P(Dead, ARetriedJobRunsAtOnceWithAllItsAttemptsBeforeIt) {
  Worker worker(broker(), {.concurrency = 1, .max_attempts = 2, .retry = RetryPolicy::fixed(1ms)});
  std::vector<unsigned> attempts;
  worker.handle("number", [&](JobContext& job) {
    attempts.push_back(job.attempt());
    return attempts.size() < 4 ? Outcome::retry("no") : Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  const JobId id = push_numbers(1).front();
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  const SteadyTime retried = real_clock().steady();
  ASSERT_EQ(DeadLetters(broker()).retry_many({}).value().done, 1U);
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  EXPECT_LT(real_clock().steady() - retried, 5s);
  worker.stop();
  EXPECT_EQ(attempts, (std::vector<unsigned>{1, 2, 1, 2}));
}

TEST_P(Dead, AnEditedJobKeepsItsId) {
  ASSERT_TRUE(Queue(broker()).push(EncodedJob{"nubmer", "0", {}}, {.max_attempts = 1}));
  std::string seen;
  Worker worker(broker(), {.concurrency = 1, .unknown_kind_grace = 1ms});
  worker.handle("number", [&](JobContext& job) {
    seen = job.id().str() + " " + std::string(job.payload()) + " " + std::string(*job.headers().get("Trace")) + " " +
           std::string(job.headers().get("Leat-Max-Attempts").value_or("none"));
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  DeadLetters dead(broker());
  const DeadLetter letter = dead.list().value().front();
  DeadLetterEdit edit{.payload = "1", .kind = "number", .headers = letter.headers};
  edit.headers->set("Trace", "7");
  edit.headers->set("Leat-Max-Attempts", "9");
  EXPECT_EQ(dead.retry(letter.number, edit).value(), letter.id);
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  worker.stop();
  EXPECT_EQ(seen, letter.id.str() + " 1 7 9");
  EXPECT_TRUE(dead.list().value().empty());
}

TEST_P(Dead, BadEditsAndFiltersAreRefused) {
  bury(1);
  DeadLetters dead(broker());
  const std::uint64_t number = dead.list().value().front().number;
  const auto refused = [&](const DeadLetterEdit& edit) { return dead.retry(number, edit).error().code(); };
  const auto with = [](std::string_view name, std::string_view value) {
    DeadLetterEdit edit{.headers = Headers()};
    edit.headers->set(name, value);
    return edit;
  };
  EXPECT_EQ(refused({.kind = "two words"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(with("Leat-Max-Attempts", "0")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(with("Leat-Retry", "never")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(with("Leat-Result", "maybe")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(with("Leat-Kind", "other")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(with("Leat-Revived-From", "here")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(with("a header", "x")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(dead.retry(number + 1, {.payload = "x"}).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(dead.list({.queue = "a b"}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(dead.list({.limit = 0}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(dead.discard_many({.older_than = -1s}).error().code(), ErrorCode::kInvalidArgument);
  for (const double rate : {-1.0, 0.0001, 1e7}) {
    EXPECT_EQ(dead.retry_many({}, {.rate = rate}).error().code(), ErrorCode::kInvalidArgument) << rate;
  }
  EXPECT_EQ(DeadLetters(broker(), {.name = "a b"}).list().error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(dead.list().value().size(), 1U);
  EXPECT_EQ(waiting(), 0U);
}

TEST_P(Dead, AnExportIsImportedOnceAndRunsElsewhere) {
  Headers headers;
  headers.set("Trace", "7");
  headers.set("Bytes", "\xff\xfe");
  Queue queue(broker(), {.name = "mail"});
  ASSERT_TRUE(queue.push(EncodedJob{"send", std::string("\0\xff binary", 9), headers}, {.max_attempts = 2}));
  ASSERT_TRUE(queue.push(EncodedJob{"send", R"({"to":"Åda"})", {}}, {.priority = Priority::kHigh, .max_attempts = 1}));
  Worker worker(broker(), {.queues = {"mail"}, .concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  worker.handle("send", [](JobContext&) { return Outcome::retry("no post \"today\""); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  worker.stop();

  const std::string text = exported("leat");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_NE(text.find(R"("payload":"{\"to\":\"Åda\"}")"), text.npos) << text;
  const auto first = import_text(broker(), text, "other");
  EXPECT_EQ(first.added, 2U);
  EXPECT_EQ(first.failed, 0U);
  const auto again = import_text(broker(), text, "other");
  EXPECT_EQ(again.added, 0U);
  EXPECT_EQ(again.present, 2U);
  EXPECT_EQ(import_text(broker(), text).present, 2U);  // and where it is from
  EXPECT_EQ(exported("other"), exported("leat"));

  const auto before = DeadLetters(broker()).list().value();
  const auto after = DeadLetters(broker(), {.name = "other"}).list().value();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after[i].payload, before[i].payload);
    EXPECT_EQ(after[i].history, before[i].history);
    EXPECT_EQ(after[i].attempts, before[i].attempts);
    for (const auto& [name, value] : before[i].headers) EXPECT_EQ(after[i].headers.get(name), value) << name;
  }
  EXPECT_EQ(DeadLetters(broker(), {.name = "other"}).retry_many({}).value().done, 2U);
  EXPECT_EQ(messages("other_medium") + messages("other_high"), 2U);
  EXPECT_EQ(Inspector(broker(), {.name = "other"}).queues().value().front().queue, "mail");
}

TEST_P(Dead, ALetterSaysWhereItLayAlsoOfWhatWasNoJob) {
  const JobId id = Queue(broker(), {.name = "mail"}).push(EncodedJob{"number", "1"}).value();
  AppendRequest foreign{.message = {.subject = "leat.medium.mail.foreign", .payload = "2"}};
  foreign.message.headers.set("Leat-Id", "no id");
  ASSERT_TRUE(broker().append("leat_medium", {&foreign, 1}).front());
  Worker worker(broker(), {.queues = {"mail"}, .concurrency = 1, .unknown_kind_grace = 0s});
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  const auto letters = DeadLetters(broker()).list().value();
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].queue, "mail");
  EXPECT_EQ(letters[0].subject, "leat." + id.str());
  EXPECT_EQ(letters[1].id, JobId{});
  EXPECT_EQ(letters[1].queue, "mail");
  EXPECT_EQ(letters[1].subject, "leat.medium.mail.foreign");
}

// Earlier programs left the priority out of a letter's subject.
TEST_P(Dead, ALetterOfAnEarlierProgramIsFound) {
  ASSERT_EQ(import_text(broker(), DeadLine{.number = 1}.str()).added, 1U);
  AppendRequest earlier{.message = broker().admin().read("leat_dlq", 1).value().value()};
  earlier.message.subject = "leat.dlq.default.K1.leat_medium-1-1";
  ASSERT_TRUE(broker().append("leat_dlq", {&earlier, 1}).front());
  ASSERT_TRUE(DeadLetters(broker()).discard(1));
  EXPECT_EQ(Inspector(broker()).dead("default").value(), 1U);
  EXPECT_EQ(DeadLetters(broker()).list({.queue = "default"}).value().at(0).queue, "default");
  const JobId id = JobId::parse("medium.default.K1").value();
  EXPECT_EQ(Inspector(broker()).job(id).value().state, JobStatus::State::kDead);
  EXPECT_EQ(DeadLetters(broker()).retry(2).value(), id);
}

TEST_P(Dead, AnImportedLettersJobDiedWhenTheLetterSays) {
  const DeadLine line{.number = 1, .died_at = now() - 48h};
  ASSERT_EQ(import_text(broker(), line.str()).added, 1U);
  const DeadLetter letter = DeadLetters(broker()).list().value().at(0);
  const JobStatus status = Inspector(broker()).job(letter.id).value();
  EXPECT_EQ(status.state, JobStatus::State::kDead);
  EXPECT_EQ(status.finished_at, letter.died_at);
  EXPECT_LT(status.finished_at, now() - 47h);
}

// Names, key, headers and retry table of the greatest length, an error and a history that fill their places.
TEST_P(Dead, TheLargestJobThatIsTakenFitsIntoItsLetter) {
  if (broker().capabilities().max_message_bytes > (8U << 20)) GTEST_SKIP() << "only time and memory are different";
  const std::string name(64, 'n');
  const NamespaceOptions name_space{.name = std::string(54, 's')};
  Queue queue(broker(), {.name = name, .name_space = name_space});
  PushOptions options{.result = KeepResult::kYes,
                      .max_attempts = 12,
                      .retry = RetryPolicy::of_table(std::vector<Duration>(100, Duration::max())),
                      .unique = Unique{std::string(200, '\xff')}};
  options.headers.set("Trace", std::string(2000, 't'));
  Result<JobId> pushed = Error(ErrorCode::kInternal, "");
  std::size_t size = queue.max_payload();
  for (int tries = 0; !pushed && tries < 200; ++tries) {
    size -= 64;
    pushed = queue.push(EncodedJob{"number", std::string(size, 'p')}, options);
  }
  ASSERT_TRUE(pushed) << pushed.error().message();
  Worker worker(broker(), {.queues = {name}, .concurrency = 1, .name_space = name_space});
  worker.handle("number", [](JobContext& job) {
    return Outcome::retry_after(1ms, std::string(job.attempt() < job.max_attempts() ? 100 : 3000, 'e'));
  });
  ASSERT_TRUE(worker.start());
  DeadLetters dead(broker(), name_space);
  for (const std::uint64_t count : {1, 2}) {
    ASSERT_TRUE(eventually([&] { return worker.counts().dead == count; }));
    const auto letters = dead.list().value();
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters.front().payload.size(), size);
    if (count == 1) {
      EXPECT_EQ(dead.retry(letters.front().number).value(), *pushed);
    }
  }
}

// A delayed job is moved on its way, which adds headers.
TEST_P(Dead, TheLongestHeadersThatAreTakenFitIntoTheirLetter) {
  PushOptions options{.max_attempts = 12};
  options.delay = 1ms;
  Result<JobId> pushed = Error(ErrorCode::kInternal, "");
  std::size_t size = 64'000;
  for (; !pushed && size > 50'000; size -= 64) {
    options.headers = {};
    for (std::size_t i = 0; i < 100; ++i) options.headers.set("H" + std::to_string(i), std::string(size / 100, 'h'));
    pushed = Queue(broker()).push(EncodedJob{"number", "1"}, options);
  }
  ASSERT_TRUE(pushed) << pushed.error().message();
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [](JobContext&) { return Outcome::retry_after(1ms, std::string(3000, 'e')); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  const DeadLetter letter = DeadLetters(broker()).list().value().front();
  EXPECT_EQ(letter.error.size(), 2048U);
  EXPECT_FALSE(letter.history.empty());
  for (const auto& [name, value] : options.headers) EXPECT_EQ(letter.headers.get(name), value);
}

// Only another client can store such a job.
TEST_P(Dead, WhatHasNoRoomInALetterIsLeftOut) {
  struct Case {
    std::size_t header;
    bool is_kept;
    std::size_t error;
  };
  for (const auto& [size, is_kept, error] :
       {Case{60'000, true, 2048}, Case{62'500, true, 200}, Case{63'900, false, 200}}) {
    AppendRequest foreign{.message = {.subject = "leat.medium.default.K" + std::to_string(size), .payload = "1"}};
    foreign.message.headers.set("Leat-Kind", "number");
    foreign.message.headers.set("Leat-Max-Attempts", "12");
    foreign.message.headers.set("Trace", std::string(size, 't'));
    Worker worker(broker(), {.concurrency = 1});
    worker.handle("number", [](JobContext&) { return Outcome::retry_after(1ms, std::string(3000, 'e')); });
    ASSERT_TRUE(worker.start());
    ASSERT_TRUE(broker().append("leat_medium", {&foreign, 1}).front());
    ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; })) << size;
    worker.stop();
    const DeadLetter letter = DeadLetters(broker()).list().value().back();
    EXPECT_EQ(letter.id.str(), "medium.default.K" + std::to_string(size));
    EXPECT_EQ(letter.kind, "number");
    EXPECT_EQ(letter.payload, "1");
    EXPECT_EQ(letter.attempts, 12U);
    EXPECT_EQ(letter.headers.get("Trace").has_value(), is_kept) << size;
    EXPECT_EQ(letter.error.size(), error) << size;
  }
}

TEST_P(Dead, AJobWhoseLetterCannotBeStoredIsHeldAndNotRun) {
  DeliveryLog deliveries;
  BrokerView view(deliveries);
  Faults faults;
  const auto refusing = make_fault_broker(make_watched_broker(open_another(), view), faults);
  KeptLines log;
  push_numbers(1);
  Worker worker(*refusing, {.concurrency = 1, .log = &log});
  std::atomic<int> calls{0};
  worker.handle("number", [&](JobContext&) {
    ++calls;
    faults.before(Operation::kAppend, [](const Call&) { return Fault::fail(ErrorCode::kInvalidArgument); });
    return Outcome::dead("no use");
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return deliveries.of("0").settled == 1; }));
  EXPECT_TRUE(eventually([&] { return worker.counts().running == 0; }));
  worker.stop();
  EXPECT_EQ(log.with("a dead job stays in its queue: its dead letter cannot be stored"), 1U);
  EXPECT_EQ(log.with("a job could not be ended"), 0U);
  EXPECT_EQ(worker.counts().dead, 0U);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(messages("leat_medium"), 1U);
}

// A key with characters that the records of jobs cannot have.
TEST_P(Dead, AMessageWithoutAJobIdFailsIsTrackedAndDies) {
  ASSERT_TRUE(Queue(broker()).push(EncodedJob{"other", "0"}));
  for (const std::string& key : {std::string("order:17"), std::string("a@b"), std::string("a+b"), std::string("a#b"),
                                 std::string("ü"), std::string(1500, 'x')}) {
    EXPECT_FALSE(JobId::parse("medium.default." + key));
    AppendRequest foreign{.message = {.subject = "leat.medium.default." + key, .payload = key}};
    foreign.message.headers.set("Leat-Kind", "number");
    foreign.message.headers.set("Leat-Max-Attempts", "2");
    foreign.message.headers.set("Leat-Result", "keep");
    foreign.message.headers.set("Leat-Track", "yes");
    ASSERT_TRUE(broker().append("leat_medium", {&foreign, 1}).front());
  }
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("other", [](JobContext&) { return Outcome::done(); });
  worker.handle("number", [](JobContext& job) {
    EXPECT_EQ(job.id(), JobId{});
    if (job.attempt() == 1) return Outcome::retry_after(1ms, "no");
    return job.payload() == "order:17" ? Outcome::retry("no") : Outcome::done("yes");
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1 && worker.counts().done == 6; }));
  worker.stop();
  const auto letters = DeadLetters(broker()).list().value();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().subject, "leat.medium.default.order:17");
  EXPECT_EQ(letters.front().attempts, 2U);
  EXPECT_EQ(messages("leat_done"), 6U);
  const auto results = broker().open_bucket({.name = "leat_results"}).value()->list("leat_medium").value();
  ASSERT_EQ(results.size(), 6U);
  EXPECT_EQ(results.front().key, "leat_medium.2");
  EXPECT_TRUE(broker().open_bucket({.name = "leat_attempts"}).value()->list("").value().empty());
}

// Of another client, too: what can never be moved does not hold up the others.
TEST_P(Dead, AMessageThatWaitsAndIsNoJobHoldsUpNoOthers) {
  ASSERT_TRUE(Queue(broker()).push(EncodedJob{"number", "0"}, {.delay = 1ms}));
  const std::map<std::string, std::size_t> foreigners{{"order:17", 1}, {"K1", 63'950}};
  for (const auto& [key, size] : foreigners) {
    AppendRequest foreign{.message = {.subject = "leat.scheduled.medium.default." + key, .payload = key}};
    foreign.message.headers.set("Leat-Kind", "number");
    foreign.message.headers.set("Leat-Due", "1");
    foreign.message.headers.set("Trace", std::string(size, 't'));
    ASSERT_TRUE(broker().append("leat_scheduled", {&foreign, 1}).front());
  }
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1 && messages("leat_scheduled") == 2; }));
}

TEST_P(Dead, ADiscardedLetterComesBackFromAnExportAtOnce) {
  bury(2);
  const std::string text = exported("leat");
  DeadLetters dead(broker());
  ASSERT_EQ(dead.discard_many({}).value().done, 2U);
  EXPECT_EQ(import_text(broker(), text).added, 2U);
  ASSERT_EQ(dead.retry_many({}).value().done, 2U);
  EXPECT_EQ(import_text(broker(), text).added, 2U);
}

LEAT_ON_EVERY_JOBS_BROKER(Dead);

}  // namespace
}  // namespace leat::test
