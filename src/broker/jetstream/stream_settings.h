// Streams and consumers as JetStream's API writes them: our configuration to JSON, and the server's echo compared.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/session.h"
#include "leat/broker.h"

namespace leat::jetstream {

// Leaves out what the server's level does not know: servers from 2.12 refuse unknown fields, older ones ignore them.
nlohmann::json to_json(const StreamConfig& config, const ServerLevel& level);
nlohmann::json to_json(const ConsumerConfig& config, bool work_queue);

// A time with all its nanoseconds, as `opt_start_time` wants it.
std::string to_start_time(SystemTime time);

// What the server's configuration says otherwise than `wanted`.
std::vector<Drift> stream_drift(const nlohmann::json& actual, const nlohmann::json& wanted);
std::vector<Drift> consumer_drift(const nlohmann::json& actual, const nlohmann::json& wanted);
std::vector<Drift> bucket_drift(const nlohmann::json& actual, const nlohmann::json& wanted);

inline const char* storage_text(Storage storage) {
  return storage == Storage::kFile ? "file" : "memory";
}

// The shared part of every stream that we make ourselves.
void add_common_stream_fields(nlohmann::json& config, const ServerLevel& level);

// The server remembers message ids no longer than messages.
Duration usable_window(Duration dedupe_window, Duration max_age);

// What both filters select, as one filter; empty when they have nothing in common.
std::optional<std::string> intersect(std::string_view left, std::string_view right);

// Servers before 2.10 take a consumer's filter only within one subject of the stream: the part of `filter` that lies in
// the only subject that it meets, else the filter as it is.
std::string narrow(const std::string& filter, const std::vector<std::string>& subjects);

// A filter of JetStream's API: "" is the same as ">".
inline std::string_view filter_or_all(std::string_view filter) {
  return filter.empty() ? ">" : filter;
}

}  // namespace leat::jetstream
