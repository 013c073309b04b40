// A bucket is a stream: one message per key, the layout that NATS' own key-value clients use.
//
// Stream `KV_<bucket>`, subject `$KV.<bucket>.<key>`, a header `KV-Operation` on messages that say "erased".
#pragma once

#include <string>
#include <string_view>

#include "broker/jetstream/stream_settings.h"
#include "leat/key_value.h"

namespace leat::jetstream {

inline constexpr std::string_view kOperationHeader = "KV-Operation";
inline constexpr std::string_view kErased = "DEL";

struct BucketNames {
  explicit BucketNames(std::string_view bucket)
      : stream("KV_" + std::string(bucket)), prefix("$KV." + std::string(bucket) + ".") {}

  std::string subject(std::string_view key) const { return prefix + std::string(key); }
  std::string_view key(std::string_view subject) const { return subject.substr(prefix.size()); }

  std::string stream;
  std::string prefix;  // of the subjects, with its dot
};

nlohmann::json to_json(const BucketConfig& config, const ServerLevel& level);

// The record that a message of the bucket's stream holds.
KeyEntry to_entry(StoredMessage message, const BucketNames& names);

}  // namespace leat::jetstream
