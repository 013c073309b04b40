// What each case measures with.
#pragma once

#include <string_view>
#include <vector>

#include "bench/bench.h"
#include "leat/broker.h"

namespace leat {

// The report of a case that is not run.
BenchReport left_out(std::string_view name, std::string_view why);
// Cases with more processes than this one are left out there.
bool lives_in_one_process(Broker& broker);
constexpr std::string_view kOneProcess = "this broker lives in one process";

double seconds_since(SteadyTime begin);
// The upper one of two in the middle; 0 of nothing.
double median(std::vector<double> values);

}  // namespace leat
