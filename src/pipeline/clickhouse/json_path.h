// A value inside a JSON value.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace leat {

// Steps are names of objects' members and indexes of lists. Null when there is no such value.
const nlohmann::json* find_in(const nlohmann::json& value, std::span<const std::string> path);

}  // namespace leat
