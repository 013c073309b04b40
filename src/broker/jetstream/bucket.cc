#include "broker/jetstream/bucket.h"

#include <algorithm>

namespace leat::jetstream {
namespace {

constexpr Duration kDuplicateWindow = std::chrono::minutes(2);

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '=' || c == '/' || c == '.';
}

}  // namespace

nlohmann::json to_json(const BucketConfig& config, const ServerLevel& level) {
  const BucketNames names(config.name);
  nlohmann::json json{{"name", names.stream},
                      {"subjects", {names.prefix + ">"}},
                      {"retention", "limits"},
                      {"storage", storage_text(config.storage)},
                      {"discard", "new"},
                      {"max_age", config.ttl.count()},
                      {"max_msgs", -1},
                      {"max_bytes", -1},
                      {"max_msgs_per_subject", 1},
                      {"num_replicas", config.replicas},
                      {"duplicate_window", usable_window(kDuplicateWindow, config.ttl).count()},
                      {"allow_rollup_hdrs", true},
                      {"deny_delete", true}};
  add_common_stream_fields(json, level);
  return json;
}

Result<void> check_key(std::string_view key) {
  const auto wrong = [&](std::string_view why) {
    return Error(ErrorCode::kInvalidArgument, "key \"" + std::string(key) + "\" " + std::string(why));
  };
  if (key.empty()) return wrong("is empty");
  if (!std::all_of(key.begin(), key.end(), is_key_character)) {
    return wrong("holds more than letters, digits, `_`, `-`, `=`, `/` and dots");
  }
  if (key.front() == '.' || key.back() == '.' || key.find("..") != key.npos) return wrong("has an empty token");
  return {};
}

bool key_is_under(std::string_view key, std::string_view prefix) {
  if (prefix.empty()) return true;
  return key.starts_with(prefix) && (key.size() == prefix.size() || key[prefix.size()] == '.');
}

KeyEntry to_entry(StoredMessage message, const BucketNames& names) {
  KeyEntry entry;
  entry.key = names.key(message.subject);
  entry.revision = message.sequence;
  entry.time = message.time;
  entry.erased = message.headers.get(kOperationHeader).has_value();
  if (!entry.erased) entry.value = std::move(message.payload);
  return entry;
}

}  // namespace leat::jetstream
