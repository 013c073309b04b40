#include "broker/jetstream/bucket.h"

namespace leat::jetstream {
namespace {

constexpr Duration kDuplicateWindow = std::chrono::minutes(2);

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
