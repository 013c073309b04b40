#include "leat/runner.h"

#include <atomic>
#include <cstdlib>

#include "core/thrown.h"
#include "leat/worker.h"
#include "runner/health.h"
#include "runner/run_state.h"
#include "runner/signal_watch.h"
#include "runner/timed_call.h"

namespace leat {
namespace {

constexpr Duration kForcedPatience = std::chrono::seconds(5);
constexpr Duration kStoppedCloserPatience = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kSignalWait(50);
constexpr int kFailure = 1;

RunnerOptions with_defaults(RunnerOptions options) {
  if (options.log == nullptr) options.log = &no_log();
  if (options.clock == nullptr) options.clock = &real_clock();
  return options;
}

Result<void> check(const RunnerOptions& options) {
  for (const auto& [name, value] :
       {std::pair("stop_timeout", options.stop_timeout), std::pair("close_timeout", options.close_timeout)}) {
    if (value <= Duration{0}) return Error(ErrorCode::kInvalidArgument, std::string(name) + " is not more than 0");
  }
  return {};
}

}  // namespace

// The order of everything: start, wait, stop, close, leave.
class Runner::Crew {
 public:
  explicit Crew(RunnerOptions options)
      : options_(with_defaults(std::move(options))),
        log_(*options_.log),
        state_(*options_.clock, log_, options_.when_one_returns) {
    health_.add_live("processes", [this] { return state_.check_live(); });
    health_.add_ready("processes", [this] { return state_.check_ready(); });
  }

  void add_process(std::string name, ReadyProcess body) {
    state_.add(name);
    processes_.push_back({std::move(name), std::move(body)});
  }
  void add_closer(std::string name, Closer body) { closers_.push_back({std::move(name), std::move(body)}); }
  void add_forced(std::string name, std::function<void()> body) {
    forced_.push_back({std::move(name), std::move(body)});
  }
  Health& health() { return health_; }

  int run(const std::stop_token& stop);
  const std::optional<Error>& failure() const { return failure_; }

 private:
  template <class Body>
  struct Named {
    std::string name;
    Body body;
  };

  void start();
  bool start_process(std::size_t index);
  bool stop_processes();
  bool run_closer(const Named<Closer>& closer);
  [[noreturn]] void leave_now(int signal, Signals& signals);

  const RunnerOptions options_;
  Log& log_;
  RunState state_;
  Health health_;
  std::vector<Named<ReadyProcess>> processes_;
  std::vector<Named<Closer>> closers_;
  std::vector<Named<std::function<void()>>> forced_;
  std::optional<Error> failure_;
  std::atomic<bool> ran_{false};
  std::vector<std::unique_ptr<TimedCall>> closing_;
  std::vector<Thread> threads_;
};

int Runner::Crew::run(const std::stop_token& stop) {
  if (ran_.exchange(true)) {
    log_.error("a runner runs once");
    return kFailure;
  }
  std::optional<SignalWatch> signals;
  if (options_.signals == RunnerOptions::Signals::kCatch) {
    signals.emplace([this](int number) { state_.stop("signal " + std::to_string(number)); },
                    [this](int number, Signals& more) { leave_now(number, more); });
  }
  const std::stop_callback on_stop(stop, [this] { state_.stop("stop was requested"); });
  start();
  state_.wait_until_stopping();
  bool all_returned = stop_processes();
  for (auto closer = closers_.rbegin(); closer != closers_.rend(); ++closer) all_returned &= run_closer(*closer);
  health_.close();
  failure_ = state_.failure();
  if (!all_returned) std::_Exit(kFailure);  // what goes on may use what this function's caller is about to destroy
  threads_.clear();
  return failure_ ? kFailure : 0;
}

void Runner::Crew::start() {
  if (const auto checked = check(options_); !checked) return state_.fail(checked.error());
  if (!options_.health.empty()) {
    if (const auto listening = health_.listen(options_.health); !listening)
      return state_.fail(listening.error().with_context("health"));
    log_.info("health is answered", {{"address", health_.address()}});
  }
  for (std::size_t i = 0; i < processes_.size() && start_process(i); ++i) {
  }
}

// False when no more are to start.
bool Runner::Crew::start_process(std::size_t index) {
  if (state_.stopping()) return false;
  state_.started(index);
  threads_.push_back(start_thread(processes_[index].name, [this, index](const std::stop_token& stop) {
    state_.ended(index, result_of([&] { return processes_[index].body([&] { state_.ready(index); }, stop); }));
  }));
  return state_.wait_until_ready(index);
}

bool Runner::Crew::stop_processes() {
  for (Thread& thread : threads_) thread.request_stop();
  return state_.wait_until_ended(options_.stop_timeout);
}

// False when it goes on.
bool Runner::Crew::run_closer(const Named<Closer>& closer) {
  closing_.push_back(std::make_unique<TimedCall>(closer.name, *options_.clock, closer.body));
  TimedCall& call = *closing_.back();
  auto ended = call.wait(options_.close_timeout);
  const bool in_time = ended.has_value();
  if (!in_time) {
    call.request_stop();
    ended = call.wait(kStoppedCloserPatience);
  }
  Result<void> how = ended.value_or(Result<void>());
  if (!in_time) how = Error(ErrorCode::kUnavailable, "did not end in time");
  if (!how) {
    log_.error("closer failed", {{"closer", closer.name}, {"error", how.error().message()}});
    state_.note(how.error().with_context(closer.name));
  }
  return ended.has_value();
}

void Runner::Crew::leave_now(int signal, Signals& signals) {
  log_.warn("a second signal: the program ends at once", {{"signal", signal}});
  TimedCall last("forced", real_clock(), [this](const std::stop_token&) {
    for (const auto& forced : forced_) {
      if (const auto thrown = what_it_throws(forced.body))
        log_.error("failed on the way out", {{"name", forced.name}, {"error", *thrown}});
    }
    return Result<void>();
  });
  const SteadyTime echoes_until = deadline_after(real_clock(), kSignalEcho);
  const SteadyTime until = deadline_after(real_clock(), kForcedPatience);
  while (!last.wait({}) && real_clock().steady() < until) {
    const int next = signals.next(kSignalWait);
    if (next != 0 && (next != signal || real_clock().steady() >= echoes_until)) break;
  }
  std::_Exit(128 + signal);  // handlers may never return: nothing waits for them
}

Runner::Runner(RunnerOptions options) : crew_(std::make_unique<Crew>(std::move(options))) {}
Runner::~Runner() = default;

Runner& Runner::process(std::string name, Process body) {
  return process(std::move(name),
                 ReadyProcess([body = std::move(body)](const Ready& ready, const std::stop_token& stop) {
                   ready();
                   return body(stop);
                 }));
}

Runner& Runner::process(std::string name, ReadyProcess body) {
  crew_->add_process(std::move(name), std::move(body));
  return *this;
}

Runner& Runner::process(std::string name, Worker& worker) {
  when_forced(name, [&worker] { worker.stop_now(); });
  return process(std::move(name),
                 ReadyProcess([&worker](const Ready& ready, const std::stop_token& stop) -> Result<void> {
                   if (auto started = worker.start(); !started) return started.error().with_context("cannot start");
                   ready();
                   sleep_for(real_clock(), Duration::max(), stop);
                   worker.stop();
                   return {};
                 }));
}

Runner& Runner::closer(std::string name, Closer body) {
  crew_->add_closer(std::move(name), std::move(body));
  return *this;
}

Runner& Runner::when_forced(std::string name, std::function<void()> body) {
  crew_->add_forced(std::move(name), std::move(body));
  return *this;
}

Runner& Runner::live_check(std::string name, Check check) {
  crew_->health().add_live(std::move(name), std::move(check));
  return *this;
}

Runner& Runner::ready_check(std::string name, Check check) {
  crew_->health().add_ready(std::move(name), std::move(check));
  return *this;
}

int Runner::run(std::stop_token stop) {
  return crew_->run(stop);
}

const std::optional<Error>& Runner::failure() const {
  return crew_->failure();
}

std::string Runner::health_address() const {
  return crew_->health().address();
}

}  // namespace leat
