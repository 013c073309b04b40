#include "broker/jetstream/stream_settings.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/text.h"

namespace leat::jetstream {
namespace {

// JetStream writes "no limit" as -1 (and, where a stream was made without the field, as 0).
std::int64_t limit(std::uint64_t value) {
  return value == 0 ? -1 : static_cast<std::int64_t>(value);
}

enum class Form { kPlain, kLimit, kDuration, kSubjects };

struct Setting {
  const char* field;
  const char* name;  // in our own configuration, if it is there
  Form form;
};

constexpr std::array kStreamSettings{
    Setting{"subjects", "subjects", Form::kSubjects},
    Setting{"retention", "retention", Form::kPlain},
    Setting{"storage", "storage", Form::kPlain},
    Setting{"max_age", "max_age", Form::kDuration},
    Setting{"max_msgs", "max_messages", Form::kLimit},
    Setting{"max_bytes", "max_bytes", Form::kLimit},
    Setting{"max_msgs_per_subject", "max_messages_per_subject", Form::kLimit},
    Setting{"num_replicas", "replicas", Form::kPlain},
    Setting{"duplicate_window", "dedupe_window", Form::kDuration},
};

constexpr std::array kConsumerSettings{
    Setting{"ack_wait", "ack_wait", Form::kDuration},
    Setting{"max_ack_pending", "max_unsettled", Form::kPlain},
    Setting{"max_deliver", "max_deliver", Form::kLimit},
};

constexpr std::array kBucketSettings{
    Setting{"max_age", "ttl", Form::kDuration},
    Setting{"num_replicas", "replicas", Form::kPlain},
    Setting{"storage", "storage", Form::kPlain},
    Setting{"max_msgs_per_subject", "max_msgs_per_subject", Form::kLimit},
    Setting{"max_msgs", "max_msgs", Form::kLimit},
    Setting{"max_bytes", "max_bytes", Form::kLimit},
};

std::string subjects_text(const nlohmann::json& list) {
  std::vector<std::string> subjects;
  for (const auto& each : list) {
    if (each.is_string()) subjects.push_back(each);
  }
  std::sort(subjects.begin(), subjects.end());
  std::string text;
  for (const std::string& subject : subjects) text += (text.empty() ? "" : ", ") + subject;
  return text;
}

std::string number_text(const nlohmann::json& value) {
  return value.is_number_integer() ? std::to_string(value.get<std::int64_t>()) : "0";
}

std::string setting_text(const nlohmann::json& config, const Setting& setting) {
  const auto at = config.find(setting.field);
  const nlohmann::json value = at == config.end() ? nlohmann::json() : *at;
  switch (setting.form) {
    case Form::kSubjects: return subjects_text(value);
    case Form::kDuration: return format_duration(Duration(value.is_number_integer() ? value.get<std::int64_t>() : 0));
    case Form::kLimit: return value.is_number_integer() && value.get<std::int64_t>() > 0 ? number_text(value) : "0";
    case Form::kPlain: return value.is_string() ? value.get<std::string>() : number_text(value);
  }
  return {};
}

std::vector<Drift> find_drift(std::span<const Setting> settings, const nlohmann::json& actual,
                              const nlohmann::json& wanted) {
  std::vector<Drift> drift;
  for (const Setting& setting : settings) {
    std::string want = setting_text(wanted, setting);
    std::string have = setting_text(actual, setting);
    if (want != have) drift.push_back({setting.name, std::move(want), std::move(have)});
  }
  return drift;
}

}  // namespace

Duration usable_window(Duration dedupe_window, Duration max_age) {
  return max_age > Duration::zero() ? std::min(dedupe_window, max_age) : dedupe_window;
}

void add_common_stream_fields(nlohmann::json& config, const ServerLevel& level) {
  constexpr int kManyConsumers = 100'000;  // readers and watches count too
  config["allow_direct"] = true;
  // From 2.15 a stream that says nothing may have 1000 consumers.
  if (level.at_least(2, 15)) config["max_consumers"] = kManyConsumers;
}

nlohmann::json to_json(const StreamConfig& config, const ServerLevel& level) {
  nlohmann::json json{{"name", config.name},
                      {"subjects", config.subjects},
                      {"retention", config.retention == Retention::kWorkQueue ? "workqueue" : "limits"},
                      {"storage", storage_text(config.storage)},
                      {"discard", "old"},
                      {"max_age", config.max_age.count()},
                      {"max_msgs", limit(config.max_messages)},
                      {"max_bytes", limit(config.max_bytes)},
                      {"max_msgs_per_subject", limit(config.max_messages_per_subject)},
                      {"num_replicas", config.replicas},
                      {"duplicate_window", usable_window(config.dedupe_window, config.max_age).count()}};
  add_common_stream_fields(json, level);
  return json;
}

nlohmann::json to_json(const ConsumerConfig& config, bool work_queue) {
  nlohmann::json json{{"name", config.name},        {"durable_name", config.name},
                      {"ack_policy", "explicit"},   {"ack_wait", config.ack_wait.count()},
                      {"max_deliver", -1},          {"max_ack_pending", config.max_unsettled},
                      {"replay_policy", "instant"}, {"deliver_policy", "all"}};
  if (config.filter != ">") json["filter_subject"] = config.filter;
  if (work_queue) return json;  // it refuses every other beginning
  if (config.start_sequence > 0) {
    json["deliver_policy"] = "by_start_sequence";
    json["opt_start_seq"] = config.start_sequence;
  } else if (config.start_time) {
    json["deliver_policy"] = "by_start_time";
    json["opt_start_time"] = to_start_time(*config.start_time);
  } else if (config.start == ConsumerConfig::Start::kEnd) {
    json["deliver_policy"] = "new";
  }
  return json;
}

std::optional<std::string> intersect(std::string_view left, std::string_view right) {
  std::string result;
  while (true) {
    if (left == ">") return result.append(right);
    if (right == ">") return result.append(left);
    const std::size_t left_end = std::min(left.find('.'), left.size());
    const std::size_t right_end = std::min(right.find('.'), right.size());
    const std::string_view left_token = left.substr(0, left_end);
    const std::string_view right_token = right.substr(0, right_end);
    if (left_token != "*" && right_token != "*" && left_token != right_token) return std::nullopt;
    result.append(left_token == "*" ? right_token : left_token);
    const bool left_ends = left_end == left.size();
    const bool right_ends = right_end == right.size();
    if (left_ends && right_ends) return result;
    if (left_ends || right_ends) return std::nullopt;
    result += '.';
    left.remove_prefix(left_end + 1);
    right.remove_prefix(right_end + 1);
  }
}

std::string narrow(const std::string& filter, const std::vector<std::string>& subjects) {
  std::vector<std::string> parts;
  for (const std::string& subject : subjects) {
    if (auto part = intersect(filter, subject)) parts.push_back(std::move(*part));
  }
  return filter != ">" && parts.size() == 1 ? parts.front() : filter;
}

std::string to_start_time(SystemTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  std::string fraction = std::to_string((time - seconds).count());
  fraction.insert(0, 9 - fraction.size(), '0');
  std::string text = to_rfc3339(seconds);  // "...:00.000Z"
  const std::size_t dot = text.find('.');
  return text.substr(0, dot) + "." + fraction + "Z";
}

std::vector<Drift> stream_drift(const nlohmann::json& actual, const nlohmann::json& wanted) {
  return find_drift(kStreamSettings, actual, wanted);
}

std::vector<Drift> consumer_drift(const nlohmann::json& actual, const nlohmann::json& wanted) {
  return find_drift(kConsumerSettings, actual, wanted);
}

std::vector<Drift> bucket_drift(const nlohmann::json& actual, const nlohmann::json& wanted) {
  return find_drift(kBucketSettings, actual, wanted);
}

}  // namespace leat::jetstream
