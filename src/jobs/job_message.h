// A job with its options as headers of a message (docs/spec/jobs.md), and what can be wrong with them.
#pragma once

#include <cstddef>
#include <string_view>

#include "leat/queue.h"

namespace leat {

// Ok, or kInvalidArgument naming the option; a header's name; the kind.
Result<void> check_push_options(const PushOptions& options);
Result<void> check_job(const EncodedJob& job);
// Ok, or kInvalidArgument when the dead letter of this job, as it is to be stored, may be larger than `limit`.
Result<void> check_letter_fits(const Message& job, const JobId& id, std::size_t limit);

// Those that every place of a job keeps: not the ones that say when it is due or what it waits for.
void add_option_headers(Headers& headers, std::string_view kind, const PushOptions& options);

}  // namespace leat
