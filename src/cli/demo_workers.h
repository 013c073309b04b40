// The demo's workers, each in a process of its own: started, listened to, killed and replaced.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/child_process.h"
#include "leat/broker.h"
#include "leat/log.h"
#include "leat/result.h"

namespace leat::cli {

inline constexpr unsigned kDemoConcurrency = 2;   // handler threads of each worker
inline constexpr unsigned kDemoDeadAttempts = 3;  // of the jobs that are to die

// Not thread-safe. The destructor kills those that still run. A worker dies with the thread that started it.
class DemoWorkers {
 public:
  struct Member {
    std::string name;
    pid_t pid = -1;
    Descriptor reports{};
    std::string unread{};
    bool has_reported = false;
    std::uint64_t retried = 0;      // as its last report said
    std::uint64_t interrupted = 0;  // attempts that it gave back, or lost with their lease, by the same report
    bool running = true;
    int status = 0;                      // what wait(2) said at its end
    std::optional<SystemTime> killed{};  // when kill_one() came to it
  };

  // The workers open the broker at this URL.
  DemoWorkers(std::string url, std::string name_space) : url_(std::move(url)), name_space_(std::move(name_space)) {}
  ~DemoWorkers();
  DemoWorkers(const DemoWorkers&) = delete;
  DemoWorkers& operator=(const DemoWorkers&) = delete;

  // kUnavailable: no process can be made.
  Result<void> start_one();
  // Ends the first one that runs with SIGKILL.
  void kill_one();
  // Asks all to stop, and waits for them. One that has only just been started is let come up first: until then the
  // signal would end it as a failure.
  void stop();
  // Reads what they have reported, and notices those that have ended by themselves.
  void listen();

  const std::vector<Member>& members() const { return members_; }
  std::size_t running() const;
  // How each of them ended that does not run any more: "worker-1: exit code 1, worker-2: ..."
  std::string ends() const;
  std::uint64_t retried() const;

 private:
  std::vector<std::string> environment() const;
  void wait_until_up(Member& member);
  static void read_reports(Member& member);

  std::string url_;
  std::string name_space_;
  std::vector<Member> members_;
};

// What such a process does: works until SIGTERM, and reports on standard output. Returns its exit code.
Result<int> run_demo_worker(Broker& broker, const std::string& name_space, const std::string& name, Log& log);

}  // namespace leat::cli
