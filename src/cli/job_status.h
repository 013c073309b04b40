// What is known of one job, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "leat/inspector.h"

namespace leat::cli {

std::string_view name_of(JobStatus::State state);
nlohmann::json to_json(const JobId& id, const JobStatus& status);
// Several lines, the last one without its line feed.
// "40 % second page"; empty when nothing was said.
std::string progress_text(double fraction, const std::string& note);
std::string to_text(const JobId& id, const JobStatus& status);

}  // namespace leat::cli
