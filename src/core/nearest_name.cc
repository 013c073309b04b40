#include "core/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace leat {
namespace {

constexpr std::size_t kClearBeginning = 3;
constexpr std::size_t kShort = 4;  // one error is a quarter of it or more

std::size_t typing_errors(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before_last(to.size() + 1);
  std::vector<std::size_t> last(to.size() + 1);
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t changed = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[to.size()];
}

std::size_t most_errors(std::string_view name) {
  return name.size() <= kShort ? 1 : std::max<std::size_t>(2, name.size() / 3);
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view typed, std::span<const std::string> names) {
  std::optional<std::string> nearest;
  std::size_t fewest = 0;
  for (const std::string& name : names) {
    if (typed.size() >= kClearBeginning && name.starts_with(typed)) return name;
    const std::size_t errors = typing_errors(name, typed);
    if (errors > most_errors(name) || errors >= name.size()) continue;
    if (nearest && errors >= fewest) continue;
    nearest = name;
    fewest = errors;
  }
  return nearest;
}

}  // namespace leat
