// Goes through many dead letters, in batches and at a rate.
#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "jobs/dead_letter_scan.h"
#include "leat/clock.h"
#include "leat/dead_letters.h"

namespace leat {

inline constexpr std::size_t kKeptFailures = 1000;  // in a report

// True for an error that has nothing to do with the letter: the next ones would have it too.
bool is_for_all(const Error& error);

// kInvalidArgument naming the setting.
Result<void> check(const DeadLetterRun& run);

// What is done to a batch; one result per letter, in order, false when there was nothing to do.
using DeadLetterDeed = std::function<std::vector<Result<bool>>(std::span<const StoredMessage>)>;

// Errors: those of reading the first batch; later ones are in the report.
Result<DeadLetterReport> run_through(DeadLetterScan& scan, const DeadLetterRun& run, Clock& clock,
                                     const DeadLetterDeed& deed, const std::stop_token& stop);

}  // namespace leat
