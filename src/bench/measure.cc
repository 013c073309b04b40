#include "bench/measure.h"

#include <algorithm>

namespace leat {

BenchReport left_out(std::string_view name, std::string_view why) {
  BenchReport report{.name = std::string(name), .verdict = BenchReport::Verdict::kLeftOut};
  report.note.append(name).append(": ").append(why);
  return report;
}

bool lives_in_one_process(Broker& broker) {
  return broker.capabilities().name == "memory";
}

double seconds_since(SteadyTime begin) {
  return std::chrono::duration<double>(real_clock().steady() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

}  // namespace leat
