// Ends the commands of a worker that dies before it could end them itself.
//
// A command's process group outlives a worker that is killed with SIGKILL, or that ends at once. The guard is a small
// process beside the worker: it does nothing while the worker lives, and then kills the groups that are still noted.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <span>
#include <utility>

#include "cli/child_process.h"
#include "leat/result.h"

namespace leat::cli {

// Thread-safe. Outlives its notes. The destructor ends the guard and waits for it.
class GroupGuard {
 public:
  // A place for one process group: whoever leads the group writes its id there before it runs anything.
  class Note {
   public:
    Note() = default;
    explicit Note(std::atomic<pid_t>* place) : place_(place) {}
    ~Note() { release(); }
    Note(Note&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
    Note& operator=(Note&&) = delete;

    // In memory that a forked child shares; null when there is no guard.
    std::atomic<pid_t>* place() const { return place_; }
    // The group is over. Comes before its leader is collected, while the id is nobody else's.
    void release();

   private:
    std::atomic<pid_t>* place_ = nullptr;
  };

  // Call it early: the guard is a copy of what the process is then. kUnavailable: no process, pipe or memory.
  static Result<std::unique_ptr<GroupGuard>> start();
  ~GroupGuard();
  GroupGuard(const GroupGuard&) = delete;
  GroupGuard& operator=(const GroupGuard&) = delete;

  // Empty when 10'000 groups, as many as a worker has handlers at most, are noted already.
  Note note();

 private:
  using Places = std::span<std::atomic<pid_t>>;

  explicit GroupGuard(Places places) : places_(places) {}
  [[noreturn]] static void watch(int worker, Places places);
  static bool kill_noted(Places places);

  Places places_;
  Descriptor alive_;
  pid_t guard_ = -1;
};

}  // namespace leat::cli
