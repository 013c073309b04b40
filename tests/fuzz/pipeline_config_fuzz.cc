// What a pipeline's file may hold: nothing crashes, and what is taken shows no password.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/pipeline_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto nothing = [](const std::string&) { return std::optional<std::string>(); };
  const auto config = leat::cli::parse_pipeline_config("f", text, nothing);
  if (!config) return 0;
  for (const auto& key : leat::cli::pipeline_keys()) static_cast<void>(leat::cli::shown(key, *config));
  if (config->max_rows < 1 || config->max_rows > 1'000'000) std::abort();
  return 0;
}
