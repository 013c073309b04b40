#include "broker/jetstream/ack_subject.h"

#include <gtest/gtest.h>

namespace leat::jetstream {
namespace {

void expect_parts(std::string_view subject) {
  const auto ack = parse_ack_subject(subject);
  ASSERT_TRUE(ack) << subject;
  EXPECT_EQ(ack->delivered, 3u);
  EXPECT_EQ(ack->stream_sequence, 100u);
  EXPECT_EQ(ack->consumer_sequence, 42u);
  EXPECT_EQ(ack->time, SystemTime(Duration(1700000000123456789)));
  EXPECT_EQ(ack->pending, 7u);
}

TEST(AckSubject, BothFormsAreRead) {
  expect_parts("$JS.ACK.jobs.worker.3.100.42.1700000000123456789.7");
  expect_parts("$JS.ACK.hub.AbC12.jobs.worker.3.100.42.1700000000123456789.7");
  expect_parts("$JS.ACK._.AbC12.jobs.worker.3.100.42.1700000000123456789.7.random");
}

TEST(AckSubject, AnythingElseIsRefused) {
  for (const std::string_view subject :
       {"", "$JS.ACK", "$JS.ACK.", "_INBOX.x.1", "$JS.ACK.jobs.worker.3.100.42.1700000000123456789",
        "$JS.ACK.jobs.worker.x.100.42.1700000000123456789.7", "$JS.ACK.jobs.worker.3.100.42.-1.7",
        "$JS.ACK.a.jobs.worker.3.100.42.1700000000123456789.7", "$JS.ACK.jobs.worker.3.100.42.9999999999999999999.7",
        "$JS.ACK.a.b.jobs.worker.3.100.42.1700000000123456789.7.r.more"}) {
    EXPECT_FALSE(parse_ack_subject(subject)) << subject;
  }
}

}  // namespace
}  // namespace leat::jetstream
