// How a job's result is stored: one line of JSON, a line feed, then the handler's value as it is (docs/spec/jobs.md).
#pragma once

#include <string>
#include <string_view>

#include "leat/result.h"
#include "leat/results.h"

namespace leat {

std::string encode_result(const JobResult& result);
Result<JobResult> decode_result(std::string_view bytes);
// Whether an earlier job has left this than the one with the same id that was enqueued then.
bool is_outdated(const JobResult& result, SystemTime enqueued_at);

}  // namespace leat
