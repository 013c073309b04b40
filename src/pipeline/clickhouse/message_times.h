// google.protobuf.Timestamp and Duration, of generated or dynamic messages.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <optional>
#include <string>

#include "leat/clock.h"
#include "pipeline/clickhouse/message_types.h"

namespace leat {

struct ProtobufSeconds {
  std::int64_t seconds = 0;
  std::int32_t nanoseconds = 0;
};

// Of a message that is one of the two.
ProtobufSeconds seconds_of(const google::protobuf::Message& message);

// Whether protobuf allows the value: years 1 to 9999, or 10'000 of them; nanoseconds below a second, with the same
// sign.
bool is_valid(ProtobufSeconds value, WellKnown type);

// "2026-01-31T12:00:00.5Z", "1.5s", as protobuf's JSON has them; what is not valid as seconds and nanoseconds, "5:-1".
std::string time_text(ProtobufSeconds value, WellKnown type);

// Empty for times that it cannot hold.
std::optional<SystemTime> to_system_time(ProtobufSeconds value);

}  // namespace leat
