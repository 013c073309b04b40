// Streams and consumers as JetStream's API writes them: our configuration to JSON, and the server's echo compared.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "broker/jetstream/session.h"
#include "leat/broker.h"

namespace leat::jetstream {

// Leaves out what the server's level does not know: servers from 2.12 refuse unknown fields, older ones ignore them.
nlohmann::json to_json(const StreamConfig& config, const ServerLevel& level);
nlohmann::json to_json(const ConsumerConfig& config, bool work_queue);

// A time with all its nanoseconds, as `opt_start_time` wants it.
std::string to_start_time(SystemTime time);

// What the server's configuration of the stream says otherwise than `wanted`.
std::vector<Drift> find_drift(const nlohmann::json& actual, const nlohmann::json& wanted);

// The shared part of every stream that we make ourselves.
void add_common_stream_fields(nlohmann::json& config, const ServerLevel& level);

// The server remembers message ids no longer than messages.
Duration usable_window(Duration dedupe_window, Duration max_age);

// A filter of JetStream's API: "" is the same as ">".
inline std::string_view filter_or_all(std::string_view filter) {
  return filter.empty() ? ">" : filter;
}

}  // namespace leat::jetstream
