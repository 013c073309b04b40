// Dead letters on a broker that fails at every step, and lines that are no letters.
#include "leat/dead_letters.h"

#include <gtest/gtest.h>

#include <map>

#include "broker/fault_broker.h"
#include "jobs/dead_letter_line.h"
#include "leat/memory_broker.h"
#include "leat/queue.h"
#include "leat/testing.h"
#include "tests/support/dead_letter_lines.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

struct DeadFaults : ::testing::Test {
  ManualClock clock;
  Faults faults;
  std::unique_ptr<Broker> broker = make_fault_broker(open_memory_broker({.clock = &clock}), faults);

  void bury(int count, int first = 0) const {
    std::string text;
    for (int i = first; i < first + count; ++i) text += DeadLine{.number = i, .died_at = clock.now()}.str();
    ASSERT_EQ(import_text(*broker, text).added, static_cast<std::uint64_t>(count));
  }
  // How often each job waits in its queue, and in the dead letters.
  std::map<std::string, int> queued() const { return count("leat_medium"); }
  std::map<std::string, int> dead() const { return count("leat_dlq"); }
  std::uint64_t number() const { return DeadLetters(*broker).list().value().front().number; }

 private:
  std::map<std::string, int> count(const std::string& stream) const {
    std::map<std::string, int> jobs;
    const auto reader = broker->open_reader({.stream = stream}).value();
    for (const auto& message : reader->read({.max_count = 10'000}, {}).value()) ++jobs[message.payload];
    return jobs;
  }
};

struct CutOff {
  const char* name;
  std::vector<std::pair<Operation, Fault>> faults;
};

std::vector<CutOff> cut_offs() {
  using enum Operation;
  return {
      {"the append fails", {{kAppend, Fault::fail()}}},
      {"the append is refused for good", {{kAppend, Fault::fail(ErrorCode::kFull)}}},
      {"the answer of the append is lost", {{kAppend, Fault::lose_answer()}}},
      {"the answer is lost and cannot be looked for", {{kAppend, Fault::lose_answer()}, {kReadLast, Fault::fail()}}},
      {"the answer is lost, and the removal fails", {{kAppend, Fault::lose_answer()}, {kRemove, Fault::fail()}}},
      {"the append ends as unavailable though it was done", {{kAppend, Fault::lose_answer(ErrorCode::kUnavailable)}}},
      {"the removal fails", {{kRemove, Fault::fail()}}},
      {"the answer of the removal is lost", {{kRemove, Fault::lose_answer()}}},
      {"the letters cannot be read", {{kOpenReader, Fault::fail()}}},
      {"reading breaks off", {{kRead, Fault::fail()}}},
  };
}

// The next call of a step is cut off, and then all others of its kind: the process has died. Another one goes on, at
// once or when no broker remembers message ids any more.
TEST_F(DeadFaults, ARunThatIsCutOffAnywhereLosesNothingAndDoublesNothing) {
  int first = 0;
  for (const CutOff& cut : cut_offs()) {
    for (const Duration pause : {Duration(0s), Duration(1h)}) {
      SCOPED_TRACE(cut.name);
      bury(20, first);
      for (const auto& [operation, fault] : cut.faults) faults.next(operation, fault, 100);
      const auto report = DeadLetters(*broker).retry_many({});
      if (report) {
        EXPECT_EQ(report->done + report->failed, 20U);
      }
      faults.clear();
      const auto queued_then = queued();
      const auto dead_then = dead();
      for (int i = first; i < first + 20; ++i) {
        const std::string job = std::to_string(i);
        EXPECT_TRUE(queued_then.contains(job) || dead_then.contains(job)) << job << " is lost";
      }
      if (report) {
        EXPECT_LE(dead_then.size(), report->failed);  // the answer that it is gone may be lost
      }
      clock.advance(pause);
      const auto rest = DeadLetters(*broker).retry_many({});
      ASSERT_TRUE(rest) << rest.error().message();
      EXPECT_EQ(rest->done, dead_then.size());
      EXPECT_EQ(rest->failed, 0U);
      EXPECT_TRUE(dead().empty());
      const auto queued_now = queued();
      for (int i = first; i < first + 20; ++i) EXPECT_EQ(queued_now.at(std::to_string(i)), 1) << i;
      first += 20;
    }
  }
}

TEST_F(DeadFaults, TheSameHoldsForASingleRetry) {
  int first = 0;
  for (const CutOff& cut : cut_offs()) {
    for (const Duration pause : {Duration(0s), Duration(1h)}) {
      SCOPED_TRACE(cut.name);
      bury(1, first);
      const std::uint64_t letter = number();
      const std::string job = std::to_string(first++);
      for (const auto& [operation, fault] : cut.faults) faults.next(operation, fault, 100);
      const bool retried = DeadLetters(*broker).retry(letter).has_value();
      faults.clear();
      EXPECT_TRUE(queued().contains(job) || dead().contains(job)) << "lost";
      EXPECT_TRUE(!retried || queued().contains(job));
      clock.advance(pause);
      if (dead().contains(job)) {
        EXPECT_TRUE(DeadLetters(*broker).retry(letter));
      }
      EXPECT_TRUE(dead().empty());
      EXPECT_EQ(queued().at(job), 1);
    }
  }
}

TEST_F(DeadFaults, ALostAnswerIsLookedForAtOnce) {
  bury(3);
  faults.next(Operation::kAppend, Fault::lose_answer());
  faults.next(Operation::kRemove, Fault::lose_answer());
  const auto report = DeadLetters(*broker).retry_many({}).value();
  EXPECT_EQ(report.done, 3U);
  EXPECT_TRUE(dead().empty());
}

TEST_F(DeadFaults, ABrokerThatIsGoneEndsTheRunAndSaysSo) {
  bury(600);
  faults.before(Operation::kAppend, [](const Call&) { return Fault::fail(); });
  const auto report = DeadLetters(*broker).retry_many({}).value();
  ASSERT_TRUE(report.ended_by);
  EXPECT_EQ(report.ended_by->code(), ErrorCode::kUnavailable);
  EXPECT_LT(report.failed, 600U);
  EXPECT_EQ(report.failures.size(), report.failed);
  EXPECT_EQ(report.failures.front().id.str(), "medium.default.K0");
}

TEST_F(DeadFaults, ATakenUniqueKeyKeepsItsLetterAndNoOther) {
  Queue queue(*broker);
  ASSERT_TRUE(queue.push(EncodedJob{"number", "taken", {}}, {.unique = Unique{.key = "k"}}));
  std::string line = DeadLine{.number = 1, .died_at = clock.now()}.str();
  line.replace(line.find("medium.default.K1"), 17, "medium.default.u-k");
  ASSERT_EQ(import_text(*broker, line + DeadLine{.number = 2, .died_at = clock.now()}.str()).added, 2U);
  const auto report = DeadLetters(*broker).retry_many({}).value();
  EXPECT_EQ(report.done, 1U);
  ASSERT_EQ(report.failed, 1U);
  EXPECT_EQ(report.failures.front().error.code(), ErrorCode::kConflict);
  EXPECT_EQ(report.failures.front().id.str(), "medium.default.u-k");
  EXPECT_FALSE(report.ended_by);
  EXPECT_EQ(dead(), (std::map<std::string, int>{{"1", 1}}));
}

TEST_F(DeadFaults, AnEditIsNotMistakenForTheRetryThatWasCutOffBefore) {
  for (const Duration pause : {Duration(0s), Duration(1h)}) {
    bury(1);
    const std::uint64_t letter = number();
    faults.next(Operation::kRemove, Fault::fail());
    EXPECT_FALSE(DeadLetters(*broker).retry(letter));
    clock.advance(pause);
    const auto edited = DeadLetters(*broker).retry(letter, {.payload = "edited"});
    ASSERT_FALSE(edited);
    EXPECT_EQ(edited.error().code(), ErrorCode::kConflict);
    EXPECT_NE(edited.error().message().find("in another form"), std::string::npos) << edited.error().message();
    EXPECT_EQ(dead().size(), 1U);
    // When the first one is done, the edit counts.
    broker->admin().purge("leat_medium", ">").value();
    EXPECT_TRUE(DeadLetters(*broker).retry(letter, {.payload = "edited"}));
    EXPECT_EQ(queued(), (std::map<std::string, int>{{"edited", 1}}));
    EXPECT_TRUE(dead().empty());
    broker->admin().purge("leat_medium", ">").value();
  }
}

TEST_F(DeadFaults, AnEditedRetryThatWasCutOffIsRepeated) {
  for (const Duration pause : {Duration(0s), Duration(1h)}) {
    bury(1);
    const std::uint64_t letter = number();
    faults.next(Operation::kRemove, Fault::fail());
    EXPECT_FALSE(DeadLetters(*broker).retry(letter, {.payload = "edited"}));
    clock.advance(pause);
    EXPECT_TRUE(DeadLetters(*broker).retry(letter, {.payload = "edited"}));
    EXPECT_EQ(queued(), (std::map<std::string, int>{{"edited", 1}}));
    EXPECT_TRUE(dead().empty());
    broker->admin().purge("leat_medium", ">").value();
  }
}

// The numbers begin again: a retry is not mistaken for that of an earlier letter with the same number.
TEST_F(DeadFaults, AStreamThatWasMadeAgainLosesNoRetry) {
  for (int i = 0; i < 2; ++i) {
    bury(1, i);
    EXPECT_EQ(number(), 1U);
    EXPECT_TRUE(DeadLetters(*broker).retry(1));
    ASSERT_TRUE(broker->admin().delete_stream("leat_dlq"));
    clock.advance(1ms);
  }
  EXPECT_EQ(queued().size(), 2U);
}

TEST_F(DeadFaults, ADeadlineIsDroppedUnlessItIsANewOne) {
  const auto deadline_of = [&](const DeadLetterEdit& edit) {
    std::string line = DeadLine{.number = 1, .died_at = clock.now()}.str();
    line.replace(line.find(R"("headers":{)"), 11, R"("headers":{"Leat-Deadline":"5000")");
    EXPECT_EQ(import_text(*broker, line).added, 1U);
    EXPECT_TRUE(DeadLetters(*broker).retry(number(), edit));
    const auto job = broker->admin().read_last("leat_medium", "leat.medium.default.K1").value();
    broker->admin().purge("leat_medium", ">").value();
    return std::string(job->headers.get("Leat-Deadline").value_or("none"));
  };
  DeadLetterEdit edit{.headers = Headers()};
  EXPECT_EQ(deadline_of({}), "none");
  edit.headers->set("Leat-Deadline", "5000");
  EXPECT_EQ(deadline_of(edit), "none");
  edit.headers->set("Leat-Deadline", "6000");
  EXPECT_EQ(deadline_of(edit), "6000");
}

TEST_F(DeadFaults, AListReadsNoFurtherThanItsLimit) {
  bury(2000);
  const std::uint64_t before = faults.calls(Operation::kRead);
  EXPECT_EQ(DeadLetters(*broker).list({.limit = 10}).value().size(), 10U);
  EXPECT_EQ(faults.calls(Operation::kRead), before + 1);
  EXPECT_EQ(DeadLetters(*broker).list({.kind = "number", .limit = 300}).value().size(), 300U);
  EXPECT_EQ(faults.calls(Operation::kRead), before + 3);
}

TEST_F(DeadFaults, ARateIsKept) {
  std::string text;
  const auto real = open_memory_broker();
  for (int i = 0; i < 40; ++i) text += DeadLine{.number = i}.str();
  import_text(*real, text);
  std::uint64_t batches = 0;
  const SteadyTime begin = real_clock().steady();
  const auto report =
      DeadLetters(*real).retry_many({}, {.rate = 100, .on_progress = [&](const DeadLetterReport&) { ++batches; }});
  EXPECT_EQ(report.value().done, 40U);
  EXPECT_EQ(batches, 8U);
  EXPECT_GE(real_clock().steady() - begin, 350ms);  // the first batch goes at once
}

TEST_F(DeadFaults, AnImportThatIsCutOffIsRepeated) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += DeadLine{.number = i, .died_at = clock.now()}.str();
  bury(1, 1000);  // so that the streams are there
  for (const Fault& fault : {Fault::fail(), Fault::lose_answer(), Fault::lose_answer(ErrorCode::kUnavailable)}) {
    faults.next(Operation::kAppend, fault);
    const auto cut = import_text(*broker, text);
    EXPECT_EQ(cut.added + cut.present + cut.failed, cut.ended_by ? 256U : 300U);
    EXPECT_GT(cut.failed, 0U);
    const auto again = import_text(*broker, text);
    EXPECT_EQ(again.added + again.present, 300U);
    EXPECT_EQ(again.failed, 0U);
    EXPECT_EQ(dead().size(), 301U);
    for (const auto& [job, count] : dead()) EXPECT_EQ(count, 1) << job;
    DeadLetters(*broker)
        .discard_many({.up_to = DeadLetters(*broker).list({.limit = 400}).value().back().number})
        .value();
    bury(1, 1000);
  }
}

TEST_F(DeadFaults, MalformedLinesAreReportedAndLeaveTheOthers) {
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string line = DeadLine{.number = 1, .died_at = clock.now()}.str();
    const auto at = line.find(from);
    EXPECT_NE(at, line.npos) << from;
    return line.replace(at, from.size(), to);
  };
  const std::vector<std::pair<std::string, std::string>> bad{
      {"no json\n", "no JSON object"},
      {"[1]\n", "no JSON object"},
      {std::string(100'000, '[') + "\n", "no JSON object"},
      {changed(R"("headers":{})", R"("headers":{},"history":)" + std::string(20, '[') + std::string(20, ']')),
       "no JSON object"},
      {changed(R"("version":1)", R"("version":2)"), "version"},
      {changed(R"("queue":"default")", R"("queue":"a.b")"), "queue"},
      {changed(R"("queue":"default")", R"("queue":"mail")"), "id: is of another queue"},
      {changed(R"("origin":"leat_medium-1-1")", R"("origin":"a.b")"), "origin"},
      {changed(R"("origin":"leat_medium-1-1")", R"("origin":"")"), "origin"},
      {changed(R"("origin":"leat_medium-1-1")", R"("origin":">")"), "origin"},
      {changed(R"("id":"medium.default.K1")", R"("id":"K1")"), "id"},
      {changed(R"("subject":"leat.medium.default.K1")", R"("subject":"leat")"), "subject"},
      {changed(R"("kind":"number")", R"("kind":"two words")"), "kind"},
      {changed(R"("kind":"number")", R"("kind":7)"), "kind: is no text"},
      {changed(R"("attempts":1)", R"("attempts":-1)"), "attempts"},
      {changed(R"("reason":"dead",)", ""), "reason: is missing"},
      {changed(R"("error":"no")", R"("error":"a\nb")"), "headers"},
      {changed(R"("headers":{})", R"("headers":{"Leat-Dead-Reason":"x"})"), "leat's own"},
      {changed(R"("headers":{})", R"("headers":{"a b":"x"})"), "headers"},
      {changed(R"("headers":{})", R"("headers":{},"headers_base64":{"A":"?"})"), "no base64"},
      {changed(R"("payload":"1")", R"("payload_base64":"?")"), "payload_base64"},
      {changed(R"("payload":"1")", R"("payload":"1","payload_base64":"MQ==")"), "payload"},
      {changed(R"(,"payload":"1")", ""), "payload"},
      {changed(R"("enqueued_at":"2026)", R"("enqueued_at":"26)"), "enqueued_at"},
      {changed(R"("headers":{})", R"("headers":{},"history":{"version":1})"), "history"},
  };
  std::string text = DeadLine{.number = 100, .died_at = clock.now()}.str() + "\n \r\n";
  for (const auto& [line, what] : bad) text += line;
  text += DeadLine{.number = 101, .died_at = clock.now()}.str();
  text.pop_back();  // the last line may be without its end
  const auto report = import_text(*broker, text);
  EXPECT_EQ(report.added, 2U);
  EXPECT_EQ(report.failed, bad.size());
  ASSERT_EQ(report.failures.size(), bad.size());
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(report.failures[i].line, 4 + i);
    EXPECT_NE(report.failures[i].error.message().find(bad[i].second), std::string::npos)
        << bad[i].first.substr(0, 300) << report.failures[i].error.message();
  }
  EXPECT_EQ(dead().size(), 2U);
}

TEST_F(DeadFaults, AMessageThatWasNoJobIsExportedAndCannotBeRetried) {
  std::string line = DeadLine{.number = 1, .died_at = clock.now()}.str();
  for (const std::string field : {R"("id":"medium.default.K1",)", R"("kind":"number",)"})
    line.replace(line.find(field), field.size(), "");
  ASSERT_EQ(import_text(*broker, line).added, 1U);
  DeadLetters letters(*broker);
  EXPECT_EQ(letters.retry(number()).error().code(), ErrorCode::kCorrupt);
  std::ostringstream out;
  EXPECT_EQ(letters.export_to(out).value(), 1U);
  ASSERT_TRUE(letters.discard(number()));
  EXPECT_EQ(import_text(*broker, out.str()).added, 1U);
}

TEST_F(DeadFaults, AnOutputThatTakesNoMoreIsAnError) {
  bury(2);
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(DeadLetters(*broker).export_to(out).error().code(), ErrorCode::kFull);
}

TEST(DeadLetterLine, IsTheDocumentedOne) {
  StoredMessage message;
  message.subject = "leat.dlq.mail.-.leat_medium-5-17.medium";
  message.sequence = 3;
  message.time = SystemTime(1'000'000'000s);
  message.payload = "{}";
  for (const auto& [name, value] : std::map<std::string, std::string>{{"Leat-Id", "medium.mail.K"},
                                                                      {"Leat-Kind", "send"},
                                                                      {"Leat-Dead-Reason", "dead"},
                                                                      {"Leat-Dead-Error", "no post"},
                                                                      {"Leat-Dead-Attempts", "2"},
                                                                      {"Leat-Dead-Subject", "leat.medium.mail.K"},
                                                                      {"Leat-Enqueued-At", "2001-09-09T01:46:39.000Z"},
                                                                      {"Leat-Max-Attempts", "2"},
                                                                      {"Nats-Msg-Id", "x"}})
    message.headers.set(name, value);
  EXPECT_EQ(dead_letter_line(message),
            R"({"version":1,"number":3,"queue":"mail","origin":"leat_medium-5-17","id":"medium.mail.K","kind":"send",)"
            R"("reason":"dead","error":"no post","attempts":2,"subject":"leat.medium.mail.K",)"
            R"("enqueued_at":"2001-09-09T01:46:39.000Z","died_at":"2001-09-09T01:46:40.000Z",)"
            R"("headers":{"Leat-Max-Attempts":"2"},"payload":"{}"})");
  const std::string line = dead_letter_line(message);
  message.subject = "leat.dlq.mail.-.leat_medium-5-17";  // as earlier programs made it
  EXPECT_EQ(dead_letter_line(message), line);
}

}  // namespace
}  // namespace leat::test
