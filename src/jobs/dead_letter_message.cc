#include "jobs/dead_letter_message.h"

#include <algorithm>

#include "core/text.h"

namespace leat {

std::string_view header_of(const Message& message, std::string_view name) {
  return message.headers.get(name).value_or("");
}

SystemTime time_of_death(const StoredMessage& message) {
  return from_rfc3339(header_of(message, wire::kDeadAt)).value_or(message.time);
}

Result<JobId> dead_job_id(const StoredMessage& message) {
  auto id = JobId::parse(header_of(message, wire::kId));
  if (id) return id;
  return Error(ErrorCode::kCorrupt,
               letter_name(message.sequence) + " was no job and can only be discarded: " + id.error().message());
}

LetterSubject parts_of_letter(std::string_view subject) {
  const auto next = [&] {
    const std::string_view token = subject.substr(0, subject.find('.'));
    subject.remove_prefix(std::min(token.size() + 1, subject.size()));
    return token;
  };
  next();  // namespace
  next();  // dlq
  LetterSubject parts;
  parts.queue = next();
  next();  // key
  parts.origin = next();
  return parts;
}

bool is_letters_header(std::string_view name) {
  return name.starts_with("Leat-Dead-") || name == wire::kEnqueuedAt || name == wire::kId || name.starts_with("Nats-");
}

std::string letter_name(std::uint64_t number) {
  return "dead letter " + std::to_string(number);
}

DeadLetter letter_from(const StoredMessage& message) {
  DeadLetter letter;
  letter.number = message.sequence;
  letter.id = JobId::parse(header_of(message, wire::kId)).value_or(JobId{});
  letter.queue = parts_of_letter(message.subject).queue;
  letter.subject = header_of(message, wire::kDeadSubject);
  letter.kind = header_of(message, wire::kKind);
  letter.payload = message.payload;
  letter.reason = header_of(message, wire::kDeadReason);
  letter.error = header_of(message, wire::kDeadError);
  letter.attempts = static_cast<unsigned>(parse_number(header_of(message, wire::kDeadAttempts)).value_or(0));
  letter.history = header_of(message, wire::kDeadHistory);
  letter.enqueued_at = from_rfc3339(header_of(message, wire::kEnqueuedAt)).value_or(message.time);
  letter.died_at = time_of_death(message);
  for (const auto& [name, value] : message.headers) {
    if (!is_letters_header(name)) letter.headers.set(name, value);
  }
  return letter;
}

}  // namespace leat
