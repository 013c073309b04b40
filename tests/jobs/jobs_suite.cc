#include "tests/jobs/jobs_suite.h"

#include <cstdio>

namespace leat::test {

void JobsSuite::SetUp() {
  fixture_ = make_broker_fixture(GetParam());
  broker_ = fixture_->open();
}

bool JobsSuite::eventually(const std::function<bool()>& happened) {
  const SteadyTime until = real_clock().steady() + 30s;
  while (!happened()) {
    if (real_clock().steady() > until) return false;
    fixture_->let_time_pass();
    leat::sleep_for(real_clock(), 2ms, {});
  }
  return true;
}

std::vector<JobId> JobsSuite::push_numbers(int count, const PushOptions& options) {
  std::vector<Result<EncodedJob>> jobs;
  for (int i = 0; i < count; ++i) jobs.push_back(EncodedJob{"number", std::to_string(i), {}});
  std::vector<JobId> ids;
  for (auto& pushed : Queue(*broker_).push_many(std::move(jobs), options)) ids.push_back(std::move(pushed).value());
  return ids;
}

std::uint64_t JobsSuite::messages(const std::string& stream) {
  return broker_->admin().stream(stream).value().messages;
}

std::vector<std::string> shared_broker_kinds() {
  auto kinds = broker_kinds();
  std::erase_if(kinds, [](const std::string& kind) { return kind.starts_with("memory"); });
  return kinds;
}

bool Tally::all_between(int least, int most) const {
  for (const auto& count : seen_) {
    if (count < least || count > most) return false;
  }
  return true;
}

int Tally::total() const {
  int sum = 0;
  for (const auto& count : seen_) sum += count;
  return sum;
}

int run_blocked_worker(const std::string& address, unsigned concurrency) {
  const auto broker = open_address(address);
  Worker worker(*broker, {.concurrency = concurrency, .ack_wait = 1s});
  Mutex printing;
  worker.handle("number", [&](JobContext& job) {
    {
      MutexLock lock(printing);
      std::printf("%.*s\n", static_cast<int>(job.payload().size()), job.payload().data());
      std::fflush(stdout);
    }
    leat::sleep_for(real_clock(), 1h, job.stop_token());
    return Outcome::retry("stopped");
  });
  std::puts("ready");
  std::fflush(stdout);
  return run(worker);
}

}  // namespace leat::test
