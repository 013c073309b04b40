// What every broker checks the same way before it touches its storage, so that all refuse the same things.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "leat/broker.h"

namespace leat {

// Ok, or kInvalidArgument: what it is a name of, and what a name is.
Result<void> check_name(std::string_view what, std::string_view name);
// Ok, or kInvalidArgument: how many there may be.
Result<void> check_replicas(unsigned replicas);

// Ok, or kInvalidArgument naming the setting, its value and what is allowed.
Result<void> check_stream_config(const StreamConfig& config);
Result<void> check_consumer_config(const ConsumerConfig& config);
Result<void> check_reader_config(const ReaderConfig& config);
Result<void> check_bucket_config(const BucketConfig& config);
Result<void> check_fetch_options(const FetchOptions& options);
Result<void> check_read_options(const ReadOptions& options);

// Subject, headers and size (headers and payload together) of a message that is to be stored.
Result<void> check_message(const Message& message, std::size_t max_message_bytes);

// Ok, or kInvalidArgument: keys are tokens of letters, digits, `_`, `-`, `=`, `/`, joined by dots.
Result<void> check_key(std::string_view key);

// True when `key` is `prefix` or begins with `prefix` and a dot; an empty prefix selects every key.
bool key_selected(std::string_view prefix, std::string_view key);

// True when one subject exists that both filters select. Both must be valid.
bool filters_overlap(std::string_view a, std::string_view b);
// True when one of the filters overlaps one of the others.
bool any_overlap(const std::vector<std::string>& some, const std::vector<std::string>& others);
// True when one of the filters selects the subject.
bool any_matches(const std::vector<std::string>& filters, std::string_view subject);

// The settings that differ, each under the name of its field; `name` and `replicas` are not compared.
std::vector<Drift> compare_streams(const StreamConfig& wanted, const StreamConfig& actual);
std::vector<Drift> compare_consumers(const ConsumerConfig& wanted, Duration ack_wait, std::uint64_t max_unsettled);
std::vector<Drift> compare_buckets(const BucketConfig& wanted, Duration ttl);

// A wait that fits into Duration, however long the caller is willing to wait.
Duration bounded_wait(std::chrono::milliseconds max_wait);

}  // namespace leat
