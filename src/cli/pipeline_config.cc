#include "cli/pipeline_config.h"

#include <toml++/toml.h>

#include <algorithm>

#include "broker/config_checks.h"
#include "core/nearest_name.h"
#include "core/text.h"

namespace leat::cli {
namespace {

using Config = PipelineConfig;
using Key = PipelineKey;

Error refused(const std::string& where, const std::string& what) {
  return {ErrorCode::kInvalidArgument, where + ": " + what};
}

// Puts a value of the right kind where it belongs, or says what is allowed.
class Setter {
 public:
  Setter(const Key& key, Config& config, std::string where) : key_(key), config_(config), where_(std::move(where)) {}

  Result<void> set(std::string Config::*member, std::string text) const {
    const auto& choices = key_.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return wrong("\"" + text + "\" is none of " + joined(choices));
    }
    if (text.empty() && key_.need == Key::Need::kRequired) return wrong("is empty");
    if (auto formed = check_form(text); !formed) return formed;
    config_.*member = std::move(text);
    return {};
  }
  Result<void> set(std::uint64_t Config::*member, std::int64_t number) const {
    if (number < 0 || static_cast<std::uint64_t>(number) < key_.least ||
        static_cast<std::uint64_t>(number) > key_.most) {
      return wrong(std::to_string(number) + " is out of its range: " + std::to_string(key_.least) + " to " +
                   std::to_string(key_.most));
    }
    config_.*member = static_cast<std::uint64_t>(number);
    return {};
  }
  Result<void> set(Duration Config::*member, const std::string& text) const {
    const auto duration = parse_duration(text);
    if (!duration) return wrong(duration.error().message());
    const auto least = std::chrono::milliseconds(key_.least);
    const auto most = std::chrono::milliseconds(key_.most);
    if (*duration < least || *duration > most) {
      return wrong(text + " is out of its range: " + format_duration(least) + " to " + format_duration(most));
    }
    config_.*member = *duration;
    return {};
  }
  Result<void> set(std::vector<std::string> Config::*member, std::vector<std::string> list) const {
    for (const std::string& text : list) {
      if (auto formed = check_form(text); !formed) return formed;
    }
    config_.*member = std::move(list);
    return {};
  }
  template <class Value>
  Result<void> set(Value Config::*member, Value value) const {
    config_.*member = std::move(value);
    return {};
  }
  Error wrong(const std::string& what) const { return refused(where_, key_.name + ": " + what); }

 private:
  Result<void> check_form(const std::string& text) const {
    if (key_.form == nullptr || text.empty()) return {};
    const auto formed = key_.form(text);
    return formed ? formed : wrong(formed.error().message());
  }

  const Key& key_;
  Config& config_;
  const std::string where_;
};

// A value of the file.
class FromNode {
 public:
  FromNode(const toml::node& node, const Setter& setter) : node_(node), setter_(setter) {}

  Result<void> operator()(std::string Config::*member) const {
    const auto text = node_.value_exact<std::string>();
    return text ? setter_.set(member, *text) : Result<void>(setter_.wrong("a text is expected, in quotes"));
  }
  Result<void> operator()(std::uint64_t Config::*member) const {
    const auto number = node_.value_exact<std::int64_t>();
    return number ? setter_.set(member, *number) : Result<void>(setter_.wrong("a whole number is expected"));
  }
  Result<void> operator()(Duration Config::*member) const {
    const auto text = node_.value_exact<std::string>();
    return text ? setter_.set(member, *text)
                : Result<void>(setter_.wrong("a duration is expected, as in \"500ms\" or \"2m\""));
  }
  Result<void> operator()(std::vector<std::string> Config::*member) const {
    std::vector<std::string> list;
    const toml::array* array = node_.as_array();
    for (std::size_t i = 0; array && i < array->size(); ++i) {
      const auto text = array->get(i)->value_exact<std::string>();
      if (!text) array = nullptr;
      if (text) list.push_back(*text);
    }
    return array ? setter_.set(member, list) : Result<void>(setter_.wrong("a list of texts is expected"));
  }
  Result<void> operator()(std::map<std::string, std::string> Config::*member) const {
    std::map<std::string, std::string> columns;
    const toml::table* table = node_.as_table();
    if (!table) return setter_.wrong("a table is expected: column = \"source\"");
    for (const auto& [name, value] : *table) {
      const auto text = value.value_exact<std::string>();
      if (!text) return setter_.wrong(std::string(name.str()) + ": a source is expected, in quotes");
      columns.emplace(name.str(), *text);
    }
    return setter_.set(member, columns);
  }

 private:
  const toml::node& node_;
  const Setter& setter_;
};

// A value of the environment or of a flag.
class FromText {
 public:
  FromText(const std::string& text, const Setter& setter) : text_(text), setter_(setter) {}

  Result<void> operator()(std::string Config::*member) const { return setter_.set(member, text_); }
  Result<void> operator()(Duration Config::*member) const { return setter_.set(member, text_); }
  Result<void> operator()(std::uint64_t Config::*member) const {
    const auto number = parse_number(text_);
    if (!number || *number > static_cast<std::uint64_t>(INT64_MAX))
      return setter_.wrong("\"" + text_ + "\" is no whole number");
    return setter_.set(member, static_cast<std::int64_t>(*number));
  }
  Result<void> operator()(std::vector<std::string> Config::*member) const { return setter_.set(member, parts()); }
  Result<void> operator()(std::map<std::string, std::string> Config::*member) const {
    std::map<std::string, std::string> columns;
    for (const std::string& part : parts()) {
      const std::size_t equals = part.find('=');
      if (equals == part.npos || equals == 0) return setter_.wrong("\"" + part + "\": COLUMN=SOURCE is expected");
      columns[part.substr(0, equals)] = part.substr(equals + 1);
    }
    return setter_.set(member, columns);
  }

 private:
  std::vector<std::string> parts() const {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find(',', begin), text_.size());
      if (end > begin) parts.push_back(text_.substr(begin, end - begin));
      begin = end + 1;
    }
    return parts;
  }

  const std::string& text_;
  const Setter& setter_;
};

class FileReader {
 public:
  FileReader(const std::string& file, Config& config) : file_(file), config_(config) {}

  // Tables that are no key themselves hold keys.
  Result<void> read(const toml::table& table, const std::string& prefix) const {
    for (const auto& [name, node] : table) {
      const std::string full = prefix + std::string(name.str());
      const Key* key = find(full);
      const toml::table* inner = node.as_table();
      if (!key && (!inner || !is_group(full))) return unknown(full, name.source());
      Result<void> taken = key ? put(*key, node) : read(*inner, full + ".");
      if (!taken) return taken;
    }
    return {};
  }

  std::string place(const toml::source_region& source) const {
    return file_ + ":" + std::to_string(source.begin.line) + ":" + std::to_string(source.begin.column);
  }

 private:
  static const Key* find(const std::string& name) {
    const auto& keys = pipeline_keys();
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
    return found == keys.end() ? nullptr : &*found;
  }
  static bool is_group(const std::string& name) {
    const auto& keys = pipeline_keys();
    return std::any_of(keys.begin(), keys.end(), [&](const Key& key) { return key.name.starts_with(name + "."); });
  }
  Error unknown(const std::string& name, const toml::source_region& source) const {
    std::vector<std::string> names;
    for (const Key& key : pipeline_keys()) names.push_back(key.name);
    const auto nearest = nearest_name(name, names);
    return refused(
        place(source),
        "there is no key " + name + (nearest ? ": did you mean " + *nearest + "?" : ": the keys are " + joined(names)));
  }
  Result<void> put(const Key& key, const toml::node& node) const {
    const Setter setter(key, config_, place(node.source()));
    return std::visit(FromNode(node, setter), key.target);
  }

  const std::string& file_;
  Config& config_;
};

Result<void> read_file(const std::string& file, std::string_view text, Config& config) {
  const FileReader reader(file, config);
  if (!is_utf8(text)) return refused(file, "the file is no text in UTF-8");
  try {
    return reader.read(toml::parse(text, file), "");
  } catch (const toml::parse_error& error) {
    return refused(reader.place(error.source()), std::string(error.description()));
  }
}

struct GivenText {
  std::string where;
  std::string text;
};

std::optional<GivenText> given(const Key& key, const Environment& environment, const Flags& flags) {
  if (const auto flag = flags.find(key.name); flag != flags.end()) return GivenText{"--" + key.name, flag->second};
  if (auto value = environment(key.variable)) return GivenText{key.variable, std::move(*value)};
  return std::nullopt;
}

Result<void> check_whole(const std::string& file, const Config& config) {
  for (const Key& key : pipeline_keys()) {
    if (key.need == Key::Need::kOptional || !shown(key, config).empty()) continue;
    return refused(file, key.name + " is missing: write it there, or set " + key.variable);
  }
  const bool protobuf = config.mapping == "protobuf";
  if (protobuf && (config.descriptor_set.empty() || config.message.empty())) {
    return refused(file, "mapping.kind is protobuf: give mapping.descriptor_set and mapping.message too");
  }
  if (!protobuf && !(config.descriptor_set.empty() && config.message.empty())) {
    return refused(file, "mapping.descriptor_set and mapping.message are for mapping.kind = \"protobuf\"");
  }
  const StreamConfig stream = source_stream(config);
  auto usable = stream.subjects.empty() ? Result<void>() : check_stream_config(stream);
  if (usable) usable = check_pipeline_options(pipeline_options(config));
  return usable ? usable : refused(file, usable.error().message());
}

}  // namespace

ClickHousePipelineOptions pipeline_options(const PipelineConfig& config) {
  using Guarantee = ClickHousePipelineOptions::Guarantee;
  using NewStream = ClickHousePipelineOptions::NewStream;
  return {.name = config.name,
          .stream = config.stream,
          .filter = config.filter,
          .max_rows = config.max_rows,
          .max_bytes = config.max_bytes,
          .max_wait = config.max_wait,
          .table_fault_after = config.table_fault_after,
          .guarantee = config.guarantee == "best" ? Guarantee::kBest : Guarantee::kExactlyOnce,
          .new_stream = config.new_stream == "refused" ? NewStream::kRefused : NewStream::kFromItsBeginning,
          .dead_letters = config.dead_letters,
          .dead_letters_kept = config.dead_letters_kept,
          .bucket = config.name_space + "_pipelines",
          .replicas = static_cast<unsigned>(config.replicas)};
}

StreamConfig source_stream(const PipelineConfig& config) {
  return {.name = config.stream,
          .subjects = config.stream_subjects,
          .max_age = config.stream_max_age,
          .replicas = static_cast<unsigned>(config.replicas)};
}

std::vector<StrangeVariable> strange_variables(std::span<const std::string> names) {
  std::vector<std::string> known;
  for (const Key& key : pipeline_keys()) known.push_back(key.variable);
  std::vector<StrangeVariable> strange;
  for (const std::string& name : names) {
    const bool ours = name.starts_with("LEAT_PIPELINE_");
    if (!ours || std::find(known.begin(), known.end(), name) != known.end()) continue;
    strange.push_back({name, nearest_name(name, known).value_or("")});
  }
  return strange;
}

Result<PipelineConfig> parse_pipeline_config(const std::string& file, std::string_view text,
                                             const Environment& environment, const Flags& flags) {
  Config config;
  if (auto read = read_file(file, text, config); !read) return read.error();
  for (const Key& key : pipeline_keys()) {
    const auto value = given(key, environment, flags);
    if (!value) continue;
    const Setter setter(key, config, value->where);
    if (auto set = std::visit(FromText(value->text, setter), key.target); !set) return set.error();
  }
  if (config.dead_letters.empty()) config.dead_letters = config.name_space + "_pipelines_dlq";
  if (auto whole = check_whole(file, config); !whole) return whole.error();
  return config;
}

}  // namespace leat::cli
