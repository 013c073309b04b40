// Removes single messages, many at a time; also where the server's own purge cannot be trusted.
//
// On servers before 2.10, a purge by subject moves the consumers of the stream past messages that it did not remove:
// they are then never delivered.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/session.h"

namespace leat::jetstream {

// As BrokerAdmin::remove(). A removal without an answer is repeated until 10 s have passed without any. Errors:
// kNotFound (the stream), kUnavailable, kUnknown (the answers were lost), kDenied.
std::vector<Result<bool>> remove_all(Session& session, const std::string& stream,
                                     std::span<const std::uint64_t> sequences);

// Removes what `filter` selects up to and with `last_sequence`; returns how many. Errors: kUnavailable, kNotFound.
Result<std::uint64_t> remove_each(Session& session, const std::string& stream, std::string_view filter,
                                  std::uint64_t last_sequence);

}  // namespace leat::jetstream
