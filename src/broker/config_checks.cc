#include "broker/config_checks.h"

#include <algorithm>
#include <string>

#include "core/invalid_argument.h"
#include "core/text.h"

namespace leat {
namespace {

constexpr unsigned kMostReplicas = 5;
constexpr std::size_t kMostPerCall = 10'000;
constexpr Duration kLeastAckWait = std::chrono::milliseconds(10);
constexpr Duration kLeastMaxAge = std::chrono::milliseconds(100);  // of nats-server

Result<void> check_count(std::size_t count) {
  if (count >= 1 && count <= kMostPerCall) return {};
  return invalid_argument("max_count is " + std::to_string(count) + "; allowed are 1 to 10000");
}

std::string to_text(Retention retention) {
  return retention == Retention::kLimits ? "limits" : "work queue";
}

std::string to_text(Storage storage) {
  return storage == Storage::kFile ? "file" : "memory";
}

std::string in_order(std::vector<std::string> filters) {
  std::sort(filters.begin(), filters.end());
  return joined(filters, ",");
}

std::vector<Drift> differing(std::vector<Drift> settings) {
  std::erase_if(settings, [](const Drift& one) { return one.wanted == one.actual; });
  return settings;
}

// The first token of `text`, which it takes off together with the dot.
constexpr std::size_t kLongestKey = 1000;

std::string_view take_token(std::string_view& text) {
  const std::size_t end = std::min(text.find('.'), text.size());
  const std::string_view token = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return token;
}

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '=' || c == '/' || c == '.';
}

}  // namespace

Result<void> check_name(std::string_view what, std::string_view name) {
  if (is_plain_name(name)) return {};
  return invalid_argument(std::string(what) + " \"" + std::string(name) +
                          "\": a name is 1 to 64 letters, digits, `_` and `-`");
}

Result<void> check_replicas(unsigned replicas) {
  if (replicas >= 1 && replicas <= kMostReplicas) return {};
  return invalid_argument("replicas is " + std::to_string(replicas) + "; allowed are 1 to 5");
}

Result<void> check_stream_config(const StreamConfig& config) {
  if (auto named = check_name("stream", config.name); !named) return named;
  const std::string which = "stream \"" + config.name + "\": ";
  if (config.subjects.empty()) return invalid_argument(which + "it has no subjects");
  for (const std::string& subject : config.subjects) {
    if (auto valid = check_filter(subject); !valid) return valid.error().with_context("stream \"" + config.name + "\"");
  }
  if (config.max_age != Duration{0} && config.max_age < kLeastMaxAge) {
    return invalid_argument(which + "max_age is 0, or 100ms or more");
  }
  if (config.dedupe_window <= Duration{0}) return invalid_argument(which + "dedupe_window must be more than 0");
  return check_replicas(config.replicas);
}

Result<void> check_consumer_config(const ConsumerConfig& config) {
  if (auto named = check_name("stream", config.stream); !named) return named;
  if (auto named = check_name("subscription", config.name); !named) return named;
  const std::string which = "subscription \"" + config.name + "\": ";
  if (auto valid = check_filter(config.filter); !valid) return valid;
  if (config.ack_wait < kLeastAckWait) return invalid_argument(which + "ack_wait must be 10ms or more");
  if (config.max_unsettled == 0) return invalid_argument(which + "max_unsettled must be 1 or more");
  return {};
}

Result<void> check_reader_config(const ReaderConfig& config) {
  if (auto named = check_name("stream", config.stream); !named) return named;
  if (config.last_sequence != 0 && config.follow) {
    return invalid_argument("a reader that follows has no end: leave out last_sequence");
  }
  if (config.last_sequence != 0 && config.last_sequence < config.from_sequence) {
    return invalid_argument("last_sequence, " + std::to_string(config.last_sequence) + ", is before from_sequence, " +
                            std::to_string(config.from_sequence));
  }
  return check_filter(config.filter);
}

Result<void> check_bucket_config(const BucketConfig& config) {
  if (auto named = check_name("bucket", config.name); !named) return named;
  if (config.ttl < Duration{0}) return invalid_argument("bucket \"" + config.name + "\": ttl is less than 0");
  return check_replicas(config.replicas);
}

Result<void> check_fetch_options(const FetchOptions& options) {
  return check_count(options.max_count);
}

Result<void> check_read_options(const ReadOptions& options) {
  if (options.max_bytes < 1) return invalid_argument("max_bytes is 0; allowed are 1 or more");
  return check_count(options.max_count);
}

Result<void> check_message(const Message& message, std::size_t max_message_bytes) {
  if (auto valid = check_subject(message.subject); !valid) return valid;
  if (auto valid = check_headers(message.headers); !valid) return valid;
  const std::size_t size = message.headers.encoded().size() + message.payload.size();
  if (size <= max_message_bytes) return {};
  return invalid_argument("message under \"" + message.subject + "\" has " + std::to_string(size) +
                          " bytes of headers and payload; the limit is " + std::to_string(max_message_bytes));
}

Result<void> check_key(std::string_view key) {
  const bool plain = std::all_of(key.begin(), key.end(), is_key_character);
  const bool dots = key.starts_with('.') || key.ends_with('.') || key.find("..") != key.npos;
  if (!key.empty() && key.size() <= kLongestKey && plain && !dots) return {};
  return invalid_argument(
      "key \"" + std::string(key.substr(0, 200)) +
      "\": a key is letters, digits, `_`, `-`, `=`, `/` in tokens joined by dots, 1 to 1,000 bytes");
}

bool key_selected(std::string_view prefix, std::string_view key) {
  if (prefix.empty()) return true;
  return key.starts_with(prefix) && (key.size() == prefix.size() || key[prefix.size()] == '.');
}

bool filters_overlap(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view token_a = take_token(a);
    const std::string_view token_b = take_token(b);
    if (token_a == ">" || token_b == ">") return true;
    if (token_a != token_b && token_a != "*" && token_b != "*") return false;
  }
  return a.empty() && b.empty();
}

bool any_overlap(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  return std::any_of(some.begin(), some.end(), [&](const std::string& one) {
    return std::any_of(others.begin(), others.end(),
                       [&](const std::string& other) { return filters_overlap(one, other); });
  });
}

bool any_matches(const std::vector<std::string>& filters, std::string_view subject) {
  return std::any_of(filters.begin(), filters.end(),
                     [&](const std::string& filter) { return subject_matches(filter, subject); });
}

std::vector<Drift> compare_streams(const StreamConfig& wanted, const StreamConfig& actual) {
  return differing({
      {"subjects", in_order(wanted.subjects), in_order(actual.subjects)},
      {"retention", to_text(wanted.retention), to_text(actual.retention)},
      {"storage", to_text(wanted.storage), to_text(actual.storage)},
      {"max_age", format_duration(wanted.max_age), format_duration(actual.max_age)},
      {"max_messages", std::to_string(wanted.max_messages), std::to_string(actual.max_messages)},
      {"max_bytes", std::to_string(wanted.max_bytes), std::to_string(actual.max_bytes)},
      {"max_messages_per_subject", std::to_string(wanted.max_messages_per_subject),
       std::to_string(actual.max_messages_per_subject)},
      {"dedupe_window", format_duration(wanted.dedupe_window), format_duration(actual.dedupe_window)},
  });
}

std::vector<Drift> compare_consumers(const ConsumerConfig& wanted, Duration ack_wait, std::uint64_t max_unsettled) {
  return differing({{"ack_wait", format_duration(wanted.ack_wait), format_duration(ack_wait)},
                    {"max_unsettled", std::to_string(wanted.max_unsettled), std::to_string(max_unsettled)}});
}

std::vector<Drift> compare_buckets(const BucketConfig& wanted, Duration ttl) {
  return differing({{"ttl", format_duration(wanted.ttl), format_duration(ttl)}});
}

Duration bounded_wait(std::chrono::milliseconds max_wait) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
  return std::clamp(max_wait, std::chrono::milliseconds(0), kLongest);
}

}  // namespace leat
