#include "jobs/dead_letter_remover.h"

#include <algorithm>
#include <atomic>

#include "core/thread.h"

namespace leat {
namespace {

constexpr std::size_t kThreads = 16;
constexpr std::size_t kPerThread = 4;  // fewer are not worth a thread

// A removal whose answer was lost is repeated: if nothing is there then, it had been done.
Result<bool> remove_one(BrokerAdmin& admin, const std::string& stream, std::uint64_t number) {
  auto removed = admin.remove(stream, number);
  if (removed || removed.error().code() != ErrorCode::kUnknown) return removed;
  auto again = admin.remove(stream, number);
  return again ? Result<bool>(true) : again;
}

}  // namespace

std::vector<Result<bool>> remove_dead_letters(Broker& broker, const Names& names,
                                              std::span<const std::uint64_t> numbers) {
  std::vector<Result<bool>> results(numbers.size(), Result<bool>(false));
  const std::string stream = names.dead_stream();
  std::atomic<std::size_t> next{0};
  const auto remove_some = [&](std::size_t, const std::stop_token&) {
    for (std::size_t i = next++; i < numbers.size(); i = next++)
      results[i] = remove_one(broker.admin(), stream, numbers[i]);
  };
  if (numbers.size() < 2 * kPerThread) {
    remove_some(0, {});
  } else {
    ThreadPool pool("dead-remover", std::min(kThreads, numbers.size() / kPerThread), remove_some);
    pool.stop();
  }
  return results;
}

}  // namespace leat
