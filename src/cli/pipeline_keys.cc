#include "cli/pipeline_config.h"
#include "clickhouse/http_engine.h"
#include "clickhouse/statement_text.h"
#include "core/text.h"
#include "core/url.h"
#include "http/http_server.h"
#include "leat/clickhouse.h"
#include "leat/message.h"

namespace leat::cli {
namespace {

using Config = PipelineConfig;
using Key = PipelineKey;

std::string variable_of(const std::string& name) {
  if (name == "url") return "LEAT_URL";
  if (name == "namespace") return "LEAT_NAMESPACE";
  if (name == "clickhouse.url") return "LEAT_CLICKHOUSE_URL";
  if (name == "clickhouse.library") return "LEAT_CHDB";
  std::string variable = "LEAT_PIPELINE_";
  for (const char c : name) variable += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return variable;
}

Key key(std::string name, Key::Target target, std::string meaning) {
  std::string variable = variable_of(name);
  return {std::move(name), std::move(variable), target, std::move(meaning)};
}
Key required(std::string name, Key::Target target, std::string meaning) {
  Key made = key(std::move(name), target, std::move(meaning));
  made.need = Key::Need::kRequired;
  return made;
}
Key choice(std::string name, Key::Target target, std::vector<std::string> choices, std::string meaning) {
  Key made = key(std::move(name), target, std::move(meaning));
  made.choices = std::move(choices);
  return made;
}
Key ranged(std::string name, Key::Target target, std::uint64_t least, std::uint64_t most, std::string meaning) {
  Key made = key(std::move(name), target, std::move(meaning));
  made.least = least;
  made.most = most;
  return made;
}

Key formed(Key key, Result<void> (*form)(const std::string&)) {
  key.form = form;
  return key;
}

Result<void> plain_name(const std::string& text) {
  if (is_plain_name(text)) return {};
  return Error(ErrorCode::kInvalidArgument, "\"" + text + "\": use 1 to 64 letters, digits, `_` or `-`");
}
Result<void> subject_filter(const std::string& text) {
  return check_filter(text);
}
// The longest of the names that are always made of it.
Result<void> name_space(const std::string& text) {
  if (is_plain_name(text + "_pipelines")) return {};
  return Error(ErrorCode::kInvalidArgument, "\"" + text + "\": use 1 to 54 letters, digits, `_` or `-`");
}
Result<void> broker_url(const std::string& text) {
  const auto parsed = parse_url(text);
  return parsed ? Result<void>() : parsed.error();
}
Result<void> clickhouse_url(const std::string& text) {
  if (!is_clickhouse_url(text)) {
    return Error(ErrorCode::kInvalidArgument, "expected clickhouse://HOST:8123/DATABASE, https://HOST or chdb:PATH");
  }
  if (text.starts_with("chdb:")) return {};
  const auto parsed = server_address(text);
  return parsed ? Result<void>() : parsed.error();
}
Result<void> table(const std::string& text) {
  const auto quoted = quoted_table(text);
  return quoted ? Result<void>() : quoted.error();
}
Result<void> address(const std::string& text) {
  const auto parsed = parse_http_address(text);
  return parsed ? Result<void>() : parsed.error();
}

std::vector<Key> make_keys() {
  constexpr std::uint64_t kYear = std::uint64_t{365} * 24 * 3600 * 1000;
  return {
      formed(required("url", &Config::url, "the broker: nats://HOST:4222, sqlite:FILE"), broker_url),
      formed(key("namespace", &Config::name_space, "in front of the names of the pipeline's own stream and bucket"),
             name_space),
      formed(required("name", &Config::name, "of the pipeline: programs of one name stand by for each other"),
             plain_name),
      formed(required("stream.name", &Config::stream, "where the messages are"), plain_name),
      formed(key("stream.subjects", &Config::stream_subjects,
                 "makes the stream with these when it is missing; not given: it must be there"),
             subject_filter),
      ranged("stream.max_age", &Config::stream_max_age, 0, 100 * kYear,
             "of messages in a stream that is made; 0s: for ever"),
      choice("stream.new", &Config::new_stream, {"refused", "from_its_beginning"},
             "when the stream was deleted and made again, or has lost its end, since it was last read"),
      formed(key("filter", &Config::filter, "which subjects of the stream"), subject_filter),
      formed(required("clickhouse.url", &Config::clickhouse_url,
                      "clickhouse://USER:PASSWORD@HOST:8123/DATABASE, chdb:DIRECTORY"),
             clickhouse_url),
      key("clickhouse.library", &Config::library, "libchdb.so, for chdb:; looked for in node_modules unless given"),
      formed(required("clickhouse.table", &Config::table, "where the rows go"), table),
      key("clickhouse.migrations", &Config::migrations,
          "a directory of SQL files, applied at the start; none unless given"),
      choice("mapping.kind", &Config::mapping, {"json", "raw", "protobuf", "envelopes"}, "what payloads are"),
      key("mapping.columns", &Config::columns, "a table: column = \"source\""),
      choice("mapping.others", &Config::others, {"left_out", "by_name"},
             "the columns that mapping.columns does not name"),
      choice("mapping.missing", &Config::missing, {"refused", "zero"},
             "when a message has nothing for a column that is not Nullable"),
      choice("mapping.unknown", &Config::unknown, {"ignored", "refused"}, "names in a payload that no column takes"),
      key("mapping.descriptor_set", &Config::descriptor_set,
          "kind protobuf: the file that protoc --descriptor_set_out wrote"),
      key("mapping.message", &Config::message, "kind protobuf: \"package.Message\""),
      ranged("batch.max_rows", &Config::max_rows, 1, 1'000'000, "of one insert"),
      ranged("batch.max_bytes", &Config::max_bytes, 1024, std::uint64_t{1} << 30, "of one insert"),
      ranged("batch.max_wait", &Config::max_wait, 1, 3'600'000, "for a batch to fill up"),
      ranged("batch.table_fault_after", &Config::table_fault_after, 0, 1'000'000,
             "so many rows refused one after the other end the pipeline; 0: all go to the dead letters"),
      formed(key("dead_letters.stream", &Config::dead_letters,
                 "of messages that cannot become rows; NAMESPACE_pipelines_dlq unless given"),
             plain_name),
      ranged("dead_letters.kept", &Config::dead_letters_kept, 0, 100 * kYear, "0s: for ever"),
      ranged("replicas", &Config::replicas, 1, 5,
             "of what is made: the stream, the dead letters, the pipeline's record; brokers on one machine ignore it"),
      choice("guarantee", &Config::guarantee, {"best", "exactly-once"},
             "exactly-once: does not start where it cannot be had"),
      formed(key("health", &Config::health, "where /live and /ready are answered: HOST:PORT; nowhere unless given"),
             address),
  };
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// What cannot be read as a URL is not shown at all: a password may be anywhere in it.
std::string without_secrets(const std::string& text) {
  const bool plain = text.find('@') == text.npos && text.find('?') == text.npos;
  if (plain) return text;
  const auto url = parse_url(text);
  return url ? url->redacted() : "***";
}

struct Shown {
  const std::string& name;

  std::string operator()(const std::string& text) const {
    if (text.empty()) return "";
    return in_quotes(name == "url" || name == "clickhouse.url" ? without_secrets(text) : text);
  }
  std::string operator()(const std::vector<std::string>& list) const {
    std::string out;
    for (const std::string& one : list) out += (out.empty() ? "" : ", ") + in_quotes(one);
    return out.empty() ? out : "[" + out + "]";
  }
  std::string operator()(const std::map<std::string, std::string>& table) const {
    std::string out;
    for (const auto& [column, source] : table)
      out += (out.empty() ? "" : ", ") + in_quotes(column) + " = " + in_quotes(source);
    return out.empty() ? out : "{ " + out + " }";
  }
  std::string operator()(std::uint64_t number) const { return std::to_string(number); }
  std::string operator()(Duration duration) const { return in_quotes(format_duration(duration)); }
};

}  // namespace

const std::vector<PipelineKey>& pipeline_keys() {
  static const std::vector<Key> keys = make_keys();
  return keys;
}

std::string shown(const PipelineKey& key, const PipelineConfig& config) {
  return std::visit([&](auto member) { return Shown{key.name}(config.*member); }, key.target);
}

std::string pipeline_keys_as_markdown() {
  std::string out;
  for (const Key& key : pipeline_keys()) {
    std::string fallback = key.need == Key::Need::kRequired ? "required" : shown(key, PipelineConfig());
    if (key.need != Key::Need::kRequired && !fallback.empty()) fallback = "`" + fallback + "`";
    std::string meaning = key.meaning;
    for (const std::string& one : key.choices) meaning += (&one == key.choices.data() ? ": `" : ", `") + one + "`";
    out += "| `" + key.name + "` | `" + key.variable + "` | " + fallback + " | " + meaning + " |\n";
  }
  return out;
}

}  // namespace leat::cli
