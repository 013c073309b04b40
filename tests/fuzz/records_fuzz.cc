// What workers read back from buckets and headers: attempt records, results, job ids; and what an import reads.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "jobs/attempt_record.h"
#include "jobs/call_record.h"
#include "jobs/dead_letter_line.h"
#include "jobs/result_record.h"
#include "jobs/waiting_job.h"
#include "leat/job.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto record = leat::AttemptRecord::from_json(text)) {
    // What was read can be written and read again.
    if (!leat::AttemptRecord::from_json(record->to_json())) std::abort();
  }
  if (const auto result = leat::decode_result(text)) {
    if (!leat::decode_result(leat::encode_result(*result))) std::abort();
  }
  const leat::Names names({.name = "leat"});
  if (const auto letter = leat::letter_of_line(names, text)) {
    const std::string line = leat::dead_letter_line({letter->message});
    const auto again = leat::letter_of_line(names, line);
    if (!again || leat::dead_letter_line({again->message}) != line) std::abort();
  }
  if (const auto call = leat::CallRecord::from_json(text)) {
    if (!leat::CallRecord::from_json(call->to_json())) std::abort();
  }
  leat::Message waiting{.subject = "leat.scheduled.medium.default.k", .headers = {}, .payload = std::string(text)};
  waiting.headers.set("Leat-After", std::to_string(size / 2));
  if (const auto read = leat::read_waiting(waiting)) {
    if (leat::parent_list_size(read->parents) > size / 2 + 1 || !leat::make_plain(waiting)) std::abort();
  }
  if (const auto id = leat::JobId::parse(text)) {
    if (leat::JobId(id->priority(), id->queue(), id->key()) != *id) std::abort();
  }
  return 0;
}
