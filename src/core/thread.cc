#include "core/thread.h"

#include <pthread.h>

namespace leat {

Thread start_thread(std::string name, std::function<void(std::stop_token)> body) {
  constexpr std::size_t kLongestName = 15;  // pthread_setname_np(3)
  return Thread([name = name.substr(0, kLongestName), body = std::move(body)](std::stop_token stop) {
    pthread_setname_np(pthread_self(), name.c_str());
    body(std::move(stop));
  });
}

void become_batch_thread() {
  const sched_param priority{};
  (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &priority);  // no right that a system could refuse
}

ThreadPool::ThreadPool(const std::string& name, std::size_t count,
                       std::function<void(std::size_t, std::stop_token)> body) {
  threads_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    threads_.push_back(
        start_thread(name + "-" + std::to_string(i), [i, body](std::stop_token stop) { body(i, std::move(stop)); }));
  }
}

void ThreadPool::request_stop() {
  for (Thread& thread : threads_) thread.request_stop();
}

void ThreadPool::stop() {
  request_stop();
  threads_.clear();
}

}  // namespace leat
