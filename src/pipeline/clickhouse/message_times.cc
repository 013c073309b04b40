#include "pipeline/clickhouse/message_times.h"

#include <google/protobuf/util/time_util.h>

namespace leat {

namespace pb = google::protobuf;

namespace {

constexpr std::int64_t kFirst = -62'135'596'800;  // the year 1
constexpr std::int64_t kLast = 253'402'300'799;   // the end of the year 9999
constexpr std::int64_t kFurthestSecond = 315'576'000'000;
constexpr std::int32_t kSecond = 1'000'000'000;

}  // namespace

ProtobufSeconds seconds_of(const pb::Message& message) {
  const pb::Descriptor& type = *message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  return {reflection->GetInt64(message, type.field(0)), reflection->GetInt32(message, type.field(1))};
}

bool is_valid(ProtobufSeconds value, WellKnown type) {
  if (type == WellKnown::kTimestamp) {
    return value.seconds >= kFirst && value.seconds <= kLast && value.nanoseconds >= 0 && value.nanoseconds < kSecond;
  }
  const bool same_sign = value.seconds == 0 || value.nanoseconds == 0 || (value.seconds < 0) == (value.nanoseconds < 0);
  return value.seconds >= -kFurthestSecond && value.seconds <= kFurthestSecond && same_sign &&
         value.nanoseconds > -kSecond && value.nanoseconds < kSecond;
}

std::string time_text(ProtobufSeconds value, WellKnown type) {
  if (!is_valid(value, type)) return std::to_string(value.seconds) + ":" + std::to_string(value.nanoseconds);
  if (type == WellKnown::kTimestamp) {
    pb::Timestamp time;
    time.set_seconds(value.seconds);
    time.set_nanos(value.nanoseconds);
    return pb::util::TimeUtil::ToString(time);
  }
  pb::Duration duration;
  duration.set_seconds(value.seconds);
  duration.set_nanos(value.nanoseconds);
  return pb::util::TimeUtil::ToString(duration);
}

std::optional<SystemTime> to_system_time(ProtobufSeconds value) {
  constexpr std::int64_t kMost = 9'223'372'036 - 1;
  if (value.seconds < -kMost || value.seconds > kMost) return std::nullopt;
  return SystemTime(std::chrono::seconds(value.seconds) + std::chrono::nanoseconds(value.nanoseconds));
}

}  // namespace leat
