#include "jobs/undertaker.h"

#include <algorithm>

#include "core/text.h"

namespace leat {
namespace {

constexpr std::size_t kLongestHeaderError = 2048;
constexpr std::size_t kLongestHistory = 4096;

// One line that a header can hold.
std::string header_text(std::string_view text, std::size_t longest) {
  std::string line(text.substr(0, longest));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t end = line.find_last_not_of(' ');
  return begin == line.size() ? "-" : line.substr(begin, end + 1 - begin);
}

// The record with as many of its newest failures as fit.
std::string history_of(AttemptRecord record) {
  std::string text = record.to_json();
  while (text.size() > kLongestHistory && !record.failures.empty()) {
    auto& newest = record.failures.back().error;
    if (record.failures.size() == 1) {
      newest.resize(std::min<std::size_t>(newest.size() / 2, kLongestHistory / 4));
      if (newest.empty()) break;
    } else {
      record.failures.erase(record.failures.begin());
    }
    text = record.to_json();
  }
  return text;
}

}  // namespace

AppendRequest Undertaker::make_letter(const Death& death) const {
  const HeldJob& job = *death.job;
  const ServedQueue& served = job.served();
  const StoredMessage& message = job.delivery.message;
  const auto id = names_.id_of(message);
  // The time that a stream was created keeps its numbers apart from those of an earlier stream of that name.
  const std::string origin = served.stream + "-" + served.stream_created + "-" + std::to_string(message.sequence);

  AppendRequest letter{
      .message = {.subject = names_.dead_subject(served.priority, served.queue, id ? id->key() : "", origin),
                  .headers = message.headers,
                  .payload = message.payload},
      .message_id = origin,
      .expected_last = 0};
  Headers& headers = letter.message.headers;
  if (id) headers.set(wire::kId, id->str());
  headers.set(wire::kDeadSubject, message.subject);
  headers.set(wire::kDeadReason, death.reason);
  headers.set(wire::kDeadError, header_text(death.error, kLongestHeaderError));
  headers.set(wire::kDeadAttempts, std::to_string(job.record.attempts()));
  headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(message)));
  if (!job.record.failures.empty()) headers.set(wire::kDeadHistory, history_of(job.record));
  return letter;
}

std::vector<Result<void>> Undertaker::bury(std::span<const Death> deaths) {
  if (!keeps_letters()) return std::vector<Result<void>>(deaths.size());
  std::vector<AppendRequest> letters;
  letters.reserve(deaths.size());
  for (const Death& death : deaths) letters.push_back(make_letter(death));
  const auto appended = broker_.append(names_.dead_stream(), letters);
  std::vector<Result<void>> results(deaths.size());
  for (std::size_t i = 0; i < deaths.size(); ++i) {
    // A conflict is the copy that an earlier try left.
    if (!appended[i] && appended[i].error().code() != ErrorCode::kConflict) results[i] = appended[i].error();
  }
  return results;
}

}  // namespace leat
