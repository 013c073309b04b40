// Removes messages one by one where the server's own purge cannot be trusted.
//
// On servers before 2.10, a purge by subject moves the consumers of the stream past messages that it did not remove:
// they are then never delivered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/jetstream/session.h"

namespace leat::jetstream {

// Removes what `filter` selects up to and with `last_sequence`; returns how many. Errors: kUnavailable, kNotFound.
Result<std::uint64_t> remove_each(Session& session, const std::string& stream, std::string_view filter,
                                  std::uint64_t last_sequence);

}  // namespace leat::jetstream
