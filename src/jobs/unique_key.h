// The key of a unique job as a token of its subject and id: "u-", then letters, digits, `-` and `_` as they are and
// every other byte as `=` and two hexadecimal digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "leat/message.h"
#include "leat/result.h"

namespace leat {

// Ok, or kInvalidArgument saying what a key is.
Result<void> check_unique_key(std::string_view key);

// Different keys have different tokens. No other job's token begins so.
std::string encode_unique_key(std::string_view key);
// The key again; empty when the token is no unique job's.
std::optional<std::string> decode_unique_key(std::string_view token);

// True for the message of a unique job.
bool is_unique(const Message& message);

}  // namespace leat
