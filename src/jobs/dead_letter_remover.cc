#include "jobs/dead_letter_remover.h"

#include <algorithm>

namespace leat {

// A removal whose answer was lost is repeated: if nothing is there then, it had been done.
std::vector<Result<bool>> remove_dead_letters(Broker& broker, const Names& names,
                                              std::span<const std::uint64_t> numbers) {
  auto results = broker.admin().remove(names.dead_stream(), numbers);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i] || results[i].error().code() != ErrorCode::kUnknown) continue;
    results[i] = broker.admin().remove(names.dead_stream(), numbers[i]);
    if (results[i]) results[i] = true;
  }
  return results;
}

}  // namespace leat
