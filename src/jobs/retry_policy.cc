#include "leat/retry_policy.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace leat {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kLongestTable = 100;

double wanted_delay(const RetryPolicy& policy, unsigned failed) {
  const std::size_t earlier = std::max(failed, 1U) - 1;
  if (!policy.table.empty()) {
    return static_cast<double>(policy.table[std::min(earlier, policy.table.size() - 1)].count());
  }
  const auto times = static_cast<double>(earlier);
  return static_cast<double>(policy.first.count()) * std::pow(policy.factor, times) +
         static_cast<double>(policy.step.count()) * times;
}

std::int64_t in_ms(Duration duration) {
  return std::chrono::ceil<milliseconds>(duration).count();
}

Duration ms_at(const nlohmann::json& object, const char* name, Duration otherwise) {
  const auto at = object.find(name);
  if (at == object.end()) return otherwise;
  const auto count = at->get<std::int64_t>();
  return count >= std::chrono::floor<milliseconds>(Duration::max()).count() ? Duration::max()
                                                                            : Duration(milliseconds(count));
}

}  // namespace

Duration RetryPolicy::delay(unsigned failed, double random) const {
  const double capped = std::min(wanted_delay(*this, failed), static_cast<double>(longest.count()));
  const double spread = capped * (1.0 + jitter * (2.0 * random - 1.0));
  constexpr double kMost = 9.2e18;  // below the largest count of nanoseconds, which a double cannot hold
  return Duration{static_cast<Duration::rep>(std::llround(std::clamp(spread, 0.0, kMost)))};
}

Result<void> RetryPolicy::check() const {
  const auto refused = [](std::string_view why) {
    return Error(ErrorCode::kInvalidArgument, "retry policy: " + std::string(why));
  };
  const auto negative = [](Duration wait) { return wait < Duration{0}; };
  if (negative(first) || negative(longest) || negative(step) || std::any_of(table.begin(), table.end(), negative)) {
    return refused("a wait is negative");
  }
  if (!(factor >= 1.0 && factor <= 1e6)) return refused("the factor is a number from 1 to 1,000,000");
  if (!(jitter >= 0.0 && jitter <= 1.0)) return refused("the jitter is a number from 0 to 1");
  if (table.size() > kLongestTable) return refused("the table has more than 100 waits");
  return {};
}

std::string RetryPolicy::to_json() const {
  nlohmann::json object{{"jitter", jitter}, {"longest_ms", in_ms(longest)}};
  if (table.empty()) {
    object["first_ms"] = in_ms(first);
    object["factor"] = factor;
    if (step > Duration{0}) object["step_ms"] = in_ms(step);
  } else {
    auto& waits = object["table_ms"] = nlohmann::json::array();
    for (const Duration wait : table) waits.push_back(in_ms(wait));
  }
  return object.dump();
}

Result<RetryPolicy> RetryPolicy::from_json(std::string_view text) {
  try {
    const auto object = nlohmann::json::parse(text);
    RetryPolicy policy;
    policy.first = ms_at(object, "first_ms", policy.first);
    policy.longest = ms_at(object, "longest_ms", policy.longest);
    policy.step = ms_at(object, "step_ms", policy.step);
    policy.factor = object.value("factor", policy.factor);
    policy.jitter = object.value("jitter", policy.jitter);
    if (const auto waits = object.find("table_ms"); waits != object.end()) {
      if (!waits->is_array()) return Error(ErrorCode::kInvalidArgument, "retry policy: table_ms is no list");
      for (const auto& wait : *waits) policy.table.emplace_back(milliseconds(wait.get<std::int64_t>()));
    }
    if (auto checked = policy.check(); !checked) return checked.error();
    return policy;
  } catch (const nlohmann::json::exception& e) {
    return Error(ErrorCode::kInvalidArgument, std::string("retry policy: ") + e.what());
  }
}

}  // namespace leat
