// Runs the long-lived parts of a program side by side, ends them together, and tells whether they are well.
//
//   leat::Runner runner{{.health = "127.0.0.1:8081"}};
//   runner.closer("database", [&](std::stop_token) { return database.close(); });
//   runner.process("worker", worker);
//   runner.process("poller", [&](std::stop_token stop) -> leat::Result<void> { return poll_until(stop); });
//   return runner.run();
//
// docs/guide/runner.md tells what happens when.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "leat/broker.h"
#include "leat/clock.h"
#include "leat/log.h"
#include "leat/result.h"

namespace leat {

class Worker;

struct RunnerOptions {
  // What processes get to return in once they are told to stop; more than 0, Duration::max(): as long as they take.
  // Then the closers run, and the program ends at once with exit code 1: a thread cannot be ended from outside.
  Duration stop_timeout = std::chrono::seconds(60);
  // What each closer gets; more than 0. Then its stop token fires, a second later the next one runs, and the program
  // ends as above when all have had their turn.
  Duration close_timeout = std::chrono::seconds(10);
  // What a process does to the others that returns ok before it is told to stop. An error always stops them.
  enum class WhenOneReturns { kOthersGoOn, kAllStop } when_one_returns = WhenOneReturns::kOthersGoOn;
  // kCatch: SIGINT and SIGTERM are caught while run() runs. One runner of a process may do so at a time.
  enum class Signals { kCatch, kLeave } signals = Signals::kCatch;
  // Where GET /live and GET /ready are answered: "8081" (on 127.0.0.1), "HOST:PORT" or "[ADDRESS]:PORT"; port 0 takes a
  // free one. Nowhere unless given. The process ignores SIGPIPE from then on.
  std::string health{};
  Log* log = nullptr;      // borrowed; nothing is logged unless given
  Clock* clock = nullptr;  // borrowed; the machine's unless given. Only the timeouts use it.
};

// All but run() comes before run(), from one thread. What the functions borrow must outlive the runner. An exception
// that leaves one of them is its failure, with the exception's text.
class Runner {
 public:
  using Process = std::function<Result<void>(std::stop_token)>;
  using Ready = std::function<void()>;
  using ReadyProcess = std::function<Result<void>(const Ready& ready, std::stop_token)>;
  using Closer = std::function<Result<void>(std::stop_token)>;
  using Check = std::function<Result<void>()>;

  explicit Runner(RunnerOptions options = {});
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Runs on a thread of its own until its token is stopped, and then returns ok. Processes start in the order in which
  // they stand here; with an error of one, no later one starts, and all that run are stopped.
  Runner& process(std::string name, Process body);
  // The same, and the next one starts only when this one has called `ready` (on any thread, before it returns).
  Runner& process(std::string name, ReadyProcess body);
  // Starts the worker, and stops it. A second signal gives its jobs back at once.
  Runner& process(std::string name, Worker& worker);

  // Runs after all processes have ended or had their time, whatever happened; the last one given runs first.
  Runner& closer(std::string name, Closer body);
  // Runs when a second signal ends the program, before it does; all of them together get 5 s.
  Runner& when_forced(std::string name, std::function<void()> body);

  // GET /live is 503 when one of these fails or a process has failed: the program should be started anew.
  Runner& live_check(std::string name, Check check);
  // GET /ready is 503 when one of these fails, before all processes have started, and from the moment that they are
  // told to stop: no work should come here now. Checks run on several threads, at each request; they must be quick.
  Runner& ready_check(std::string name, Check check);

  // Starts the processes and returns when all have ended and all closers have run; once. SIGINT, SIGTERM and `stop` end
  // it gracefully. A second signal ends the program at once, with exit code 128 and the signal's number. Returns the
  // exit code: 0, or 1 when anything failed or did not end in time.
  int run(std::stop_token stop = {});

  // What failed first, with its name; for after run().
  const std::optional<Error>& failure() const;
  // Where health is answered, with the port that was chosen; empty before and after run(). From any thread.
  std::string health_address() const;

 private:
  class Crew;
  std::unique_ptr<Crew> crew_;
};

// A check for Runner::ready_check(): does the broker answer? Takes at most 800 ms, and asks at most once a second,
// however often it is called. Borrows the broker.
Runner::Check broker_answers(Broker& broker);

}  // namespace leat
