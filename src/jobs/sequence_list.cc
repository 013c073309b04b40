#include "jobs/sequence_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace leat {
namespace {

constexpr std::size_t kWorthARun = 3;

std::size_t length_of_run(std::span<const std::uint64_t> sequences) {
  std::size_t length = std::min<std::size_t>(1, sequences.size());
  while (length < sequences.size() && sequences[length] == sequences[length - 1] + 1) ++length;
  return length;
}

}  // namespace

bool are_in_a_row(std::span<const std::uint64_t> sequences) {
  return length_of_run(sequences) == sequences.size();
}

nlohmann::json list_sequences(std::span<const std::uint64_t> sequences) {
  nlohmann::json list = nlohmann::json::array();
  while (!sequences.empty()) {
    const std::size_t run = length_of_run(sequences);
    if (run >= kWorthARun) {
      list.push_back({sequences.front(), sequences[run - 1]});
      sequences = sequences.subspan(run);
    } else {
      list.push_back(sequences.front());
      sequences = sequences.subspan(1);
    }
  }
  return list;
}

std::vector<std::uint64_t> sequences_in(const nlohmann::json& list, std::size_t most) {
  std::vector<std::uint64_t> sequences;
  if (!list.is_array()) return sequences;
  const auto is_run = [](const nlohmann::json& entry) {
    return entry.is_array() && entry.size() == 2 && entry[0].is_number_unsigned() && entry[1].is_number_unsigned();
  };
  for (const auto& entry : list) {
    if (!entry.is_number_unsigned() && !is_run(entry)) continue;
    const auto first = (entry.is_array() ? entry[0] : entry).get<std::uint64_t>();
    const auto last = (entry.is_array() ? entry[1] : entry).get<std::uint64_t>();
    for (std::uint64_t sequence = first; sequence <= last && sequences.size() < most; ++sequence) {
      sequences.push_back(sequence);
    }
  }
  return sequences;
}

}  // namespace leat
