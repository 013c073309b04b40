// For tests of programs that use leat: no servers, no threads to wait for, no sleeping. Works with any test framework.
//
//   leat::TestKit kit;
//   kit.handle<SendEmail>(send_email);
//   sign_up(kit.broker(), "ada@example.com");                     // pushes as it always does
//   EXPECT_EQ(kit.enqueued<SendEmail>().value().size(), 1U);
//   EXPECT_EQ(kit.drain().value().done, 1U);
//
//   EXPECT_EQ(leat::run_job(SendEmail{"ada@example.com"}, send_email).kind(), leat::Outcome::Kind::kDone);
//
// docs/guide/testing.md shows it at work.
#pragma once

#include "leat/manual_clock.h"
#include "leat/memory_broker.h"
#include "leat/run_job.h"
#include "leat/test_worker.h"
