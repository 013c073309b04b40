// What a pipeline's file and the environment say: one table of keys, from which the parser, `--help` and the docs are
// fed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "leat/clickhouse_pipeline.h"

namespace leat::cli {

struct PipelineConfig {
  std::string url;
  std::string name_space = "leat";
  std::string name;
  std::string stream;
  std::vector<std::string> stream_subjects;
  Duration stream_max_age{0};
  std::string new_stream = "refused";
  std::string filter = ">";
  std::string clickhouse_url;
  std::string library;
  std::string table;
  std::string migrations;
  std::string mapping = "json";
  std::map<std::string, std::string> columns;
  std::string others = "left_out";
  std::string missing = "refused";
  std::string unknown = "ignored";
  std::string descriptor_set;
  std::string message;
  std::uint64_t max_rows = 50'000;
  std::uint64_t max_bytes = 32 * 1024 * 1024;
  Duration max_wait = std::chrono::seconds(1);
  std::uint64_t table_fault_after = 1000;
  std::string dead_letters;
  Duration dead_letters_kept = std::chrono::hours(24 * 30);
  std::uint64_t replicas = 1;
  std::string guarantee = "best";
  std::string health;
};

struct PipelineKey {
  using Target = std::variant<std::string PipelineConfig::*, std::vector<std::string> PipelineConfig::*,
                              std::map<std::string, std::string> PipelineConfig::*, std::uint64_t PipelineConfig::*,
                              Duration PipelineConfig::*>;
  enum class Need { kRequired, kOptional };

  std::string name;      // "batch.max_rows"
  std::string variable;  // "LEAT_PIPELINE_BATCH_MAX_ROWS"
  Target target;
  std::string meaning;
  Need need = Need::kOptional;
  std::vector<std::string> choices{};  // of a text; any unless given
  std::uint64_t least = 0;             // of a number; milliseconds of a duration
  std::uint64_t most = UINT64_MAX;
  Result<void> (*form)(const std::string& text) = nullptr;  // of a text that is not empty, and of a list's texts
};

// What a configuration comes to.
ClickHousePipelineOptions pipeline_options(const PipelineConfig& config);
StreamConfig source_stream(const PipelineConfig& config);

// All keys, in the order in which they are told.
const std::vector<PipelineKey>& pipeline_keys();

// As a file would write it, without what is secret; empty for what is not set.
std::string shown(const PipelineKey& key, const PipelineConfig& config);

// "| `batch.max_rows` | ... |" for each key: the table of docs/guide/pipeline-service.md.
std::string pipeline_keys_as_markdown();

// The value of an environment variable; empty when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

// One of these variables that looks like a key's and is none, and the one that may be meant.
struct StrangeVariable {
  std::string name;
  std::string nearest{};  // empty: nothing is near
};
std::vector<StrangeVariable> strange_variables(std::span<const std::string> names);

// What the command line says: keys ("namespace") and their values. A key's option has its name.
using Flags = std::map<std::string, std::string>;

// `file` is what messages call it, `text` what it holds. A variable wins over the file, and a flag over both; in a
// variable a list is separated by commas, and columns are NAME=SOURCE. Errors: kInvalidArgument, with FILE:LINE:COLUMN,
// the variable's name or the flag, what is wrong and what is allowed: no TOML, an unknown key, a wrong type, a value
// out of its range, a required key that is missing, keys that do not go together, what a pipeline would refuse to run.
Result<PipelineConfig> parse_pipeline_config(const std::string& file, std::string_view text,
                                             const Environment& environment, const Flags& flags = {});

}  // namespace leat::cli
