// A dead letter as it lies in its stream: the message of the job, with headers that burying added.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "jobs/names.h"
#include "leat/dead_letters.h"

namespace leat {

DeadLetter letter_from(const StoredMessage& message);

// The value of a header; empty without one.
std::string_view header_of(const Message& message, std::string_view name);
SystemTime time_of_death(const StoredMessage& message);
// The id of the job; kCorrupt for a message that was none.
Result<JobId> dead_job_id(const StoredMessage& message);

// The tokens of {ns}.dlq.{queue}.{key}.{origin}.{priority} that say which letter it is.
struct LetterSubject {
  std::string_view queue;
  std::string_view origin;
};
LetterSubject parts_of_letter(std::string_view subject);

// True for what a letter has and the job had not.
bool is_letters_header(std::string_view name);

// "dead letter 17"
std::string letter_name(std::uint64_t number);

}  // namespace leat
