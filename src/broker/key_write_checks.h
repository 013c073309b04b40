// What a write to a record must fulfil, for the brokers that decide it themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "leat/key_value.h"

namespace leat {

// Ok, or kInvalidArgument: the key's form and the size of the value.
Result<void> check_key_write(const KeyWrite& write, std::size_t max_value_bytes);

// Ok, or kConflict: what the write demands of the record, whose last write has the revision `actual`; 0: it is not
// there.
Result<void> check_revision(const KeyWrite& write, std::string_view bucket, std::uint64_t actual);

}  // namespace leat
