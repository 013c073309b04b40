// The one place where threads begin: each has a name that `top -H` and a debugger show.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace leat {

// Joins (after requesting stop) when it dies, as std::jthread does.
using Thread = std::jthread;

// `body` gets the thread's own stop token. An exception that leaves it ends the program.
Thread start_thread(std::string name, std::function<void(std::stop_token)> body);

// Marks the calling thread, and those that it starts from now on, as one that works through batches (SCHED_BATCH): when
// woken it waits for its turn instead of taking the core from the thread that woke it, and finds more to do.
void become_batch_thread();

// A fixed number of threads that run the same body, each with its number from 0.
class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const std::string& name, std::size_t count, std::function<void(std::size_t, std::stop_token)> body);

  void request_stop();
  // Requests stop and waits for all. Any number of times.
  void stop();

 private:
  std::vector<Thread> threads_;
};

}  // namespace leat
