#include "leat/dead_letters.h"

#include <algorithm>

#include "core/text.h"
#include "jobs/job_streams.h"
#include "jobs/names.h"

namespace leat {
namespace {

// Headers that burying added, or that belong to the job stream.
bool is_added(std::string_view name) {
  return name.starts_with("Leat-Dead-") || name == wire::kEnqueuedAt || name == wire::kId || name.starts_with("Nats-");
}

std::string text_of(const Headers& headers, std::string_view name) {
  return std::string(headers.get(name).value_or(""));
}

DeadLetter letter_from(const StoredMessage& message) {
  const Headers& headers = message.headers;
  DeadLetter letter;
  letter.number = message.sequence;
  letter.id = JobId::parse(text_of(headers, wire::kId)).value_or(JobId{});
  letter.kind = text_of(headers, wire::kKind);
  letter.payload = message.payload;
  letter.reason = text_of(headers, wire::kDeadReason);
  letter.error = text_of(headers, wire::kDeadError);
  letter.attempts = static_cast<unsigned>(parse_number(text_of(headers, wire::kDeadAttempts)).value_or(0));
  letter.history = text_of(headers, wire::kDeadHistory);
  letter.enqueued_at = from_rfc3339(text_of(headers, wire::kEnqueuedAt)).value_or(message.time);
  letter.died_at = message.time;
  for (const auto& [name, value] : headers) {
    if (!is_added(name)) letter.headers.set(name, value);
  }
  return letter;
}

bool selects(const DeadLetterFilter& filter, const DeadLetter& letter) {
  return letter.number > filter.after && (!filter.kind || letter.kind == *filter.kind);
}

}  // namespace

class DeadLetters::Box {
 public:
  Box(Broker& broker, std::string name_space) : broker_(broker), names_(std::move(name_space)) {}

  Result<std::unique_ptr<Reader>> read(const DeadLetterFilter& filter) {
    return broker_.open_reader({.stream = names_.dead_stream(),
                                .filter = filter.queue ? names_.dead_queue_filter(*filter.queue) : names_.dead_filter(),
                                .from_sequence = filter.after + 1});
  }
  Result<StoredMessage> find(std::uint64_t number);
  Result<JobId> retry(std::uint64_t number);
  Result<void> remove(std::uint64_t number);

 private:
  Broker& broker_;
  Names names_;
};

Result<StoredMessage> DeadLetters::Box::find(std::uint64_t number) {
  auto message = broker_.admin().read(names_.dead_stream(), number);
  const Error missing(ErrorCode::kNotFound, "there is no dead letter " + std::to_string(number));
  if (!message) return message.error().code() == ErrorCode::kNotFound ? missing : message.error();
  if (!*message) return missing;
  return std::move(**message);
}

Result<JobId> DeadLetters::Box::retry(std::uint64_t number) {
  auto found = find(number);
  if (!found) return found.error();
  const auto id = JobId::parse(text_of(found->headers, wire::kId));
  if (!id)
    return Error(ErrorCode::kCorrupt, "dead letter " + std::to_string(number) + " was no job: " + id.error().message());
  const DeadLetter letter = letter_from(*found);
  AppendRequest request{
      .message = {.subject = names_.subject(*id), .headers = letter.headers, .payload = found->payload},
      .message_id = names_.dead_stream() + "-" + std::to_string(number),
      .expected_last = 0};
  request.message.headers.set(wire::kRevivedFrom, request.message_id);
  request.message.headers.erase(wire::kDeadline);  // it may be why the job died
  const std::string stream = names_.stream(id->priority());
  const auto appended = broker_.append(stream, {&request, 1}).front();
  if (!appended && appended.error().code() != ErrorCode::kConflict) return appended.error();
  if (!appended) {
    // It waits there already, put by an earlier try that ended before the removal; or another job has its unique key.
    const auto there = broker_.admin().read_last(stream, request.message.subject);
    if (!there) return there.error();
    if (!*there || text_of((*there)->headers, wire::kRevivedFrom) != request.message_id) {
      return Error(ErrorCode::kConflict, "another job with the id " + id->str() +
                                             " is not done yet: retry the dead letter when it is, or discard it");
    }
  }
  if (auto removed = remove(number); !removed) return removed.error();
  return *id;
}

Result<void> DeadLetters::Box::remove(std::uint64_t number) {
  const auto removed = broker_.admin().remove(names_.dead_stream(), number);
  if (!removed) return removed.error();
  return {};
}

DeadLetters::DeadLetters(Broker& broker, std::string name_space)
    : box_(std::make_unique<Box>(broker, std::move(name_space))) {}
DeadLetters::~DeadLetters() = default;

Result<std::vector<DeadLetter>> DeadLetters::list(const DeadLetterFilter& filter, std::stop_token stop) {
  std::vector<DeadLetter> letters;
  auto reader = box_->read(filter);
  if (!reader) {
    if (reader.error().code() == ErrorCode::kNotFound) return letters;  // nobody has died yet
    return reader.error();
  }
  while (letters.size() < filter.limit) {
    const auto messages = (*reader)->read({}, stop);
    if (!messages) return messages.error();
    if (messages->empty()) break;
    for (const StoredMessage& message : *messages) {
      DeadLetter letter = letter_from(message);
      if (selects(filter, letter) && letters.size() < filter.limit) letters.push_back(std::move(letter));
    }
  }
  return letters;
}

Result<DeadLetter> DeadLetters::get(std::uint64_t number) {
  const auto message = box_->find(number);
  if (!message) return message.error();
  return letter_from(*message);
}

Result<JobId> DeadLetters::retry(std::uint64_t number) {
  return box_->retry(number);
}

Result<void> DeadLetters::discard(std::uint64_t number) {
  if (const auto found = box_->find(number); !found) return found.error();
  return box_->remove(number);
}

}  // namespace leat
