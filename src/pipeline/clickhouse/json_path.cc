#include "pipeline/clickhouse/json_path.h"

#include "pipeline/clickhouse/column_source.h"

namespace leat {

const nlohmann::json* find_in(const nlohmann::json& value, std::span<const std::string> path) {
  const nlohmann::json* here = &value;
  for (const std::string& step : path) {
    if (here->is_object()) {
      const auto found = here->find(step);
      if (found == here->end()) return nullptr;
      here = &*found;
    } else if (const auto index = list_index(step); here->is_array() && index && *index < here->size()) {
      here = &(*here)[*index];
    } else {
      return nullptr;
    }
  }
  return here;
}

}  // namespace leat
