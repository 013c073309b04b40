#include "jobs/undertaker.h"

#include <algorithm>

#include "core/text.h"

namespace leat {
namespace {

constexpr std::size_t kLongestHeaderError = 2048;
constexpr std::size_t kLongestHistory = 4096;
constexpr std::size_t kCutError = 200;

// One line that a header can hold.
std::string header_text(std::string_view text, std::size_t longest) {
  std::string line(text.substr(0, longest));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t end = line.find_last_not_of(' ');
  return begin == line.size() ? "-" : line.substr(begin, end + 1 - begin);
}

// The record with as many of its newest failures as fit; the letter says by itself what the job died of.
std::string history_of(AttemptRecord record) {
  record.dead.reset();
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

// A conflict is the copy that an earlier try left.
bool is_there(const Result<Appended>& appended) {
  return appended || appended.error().code() == ErrorCode::kConflict;
}

bool is_refused(const Result<Appended>& appended) {
  return !appended && appended.error().code() == ErrorCode::kInvalidArgument;
}

// Another client's may be none that a broker takes.
bool is_storable(const Headers::Entry& header) {
  Headers alone;
  alone.set(header.first, header.second);
  return check_headers(alone) && !header.first.starts_with("Nats-");
}

}  // namespace

AppendRequest Undertaker::make_letter(const HeldJob& job, Cut cut) const {
  const ServedQueue& served = job.served();
  const StoredMessage& message = job.delivery.message;
  const auto id = names_.id_of(message);
  // The time that a stream was created keeps its numbers apart from those of an earlier stream of that name.
  const std::string origin = served.stream + "-" + served.stream_created + "-" + std::to_string(message.sequence);

  AppendRequest letter{
      .message = {.subject = names_.dead_subject(served.priority, served.queue, id ? id->key() : "", origin),
                  .headers = {},
                  .payload = message.payload},
      .message_id = origin,
      .expected_last = 0};
  Headers& headers = letter.message.headers;
  if (cut < Cut::kBadHeaders) headers = message.headers;
  for (const auto& header : cut < Cut::kBadHeaders ? Headers() : message.headers) {
    const bool kept = cut == Cut::kBadHeaders || header.first == wire::kKind;
    if (kept && is_storable(header)) headers.set(header.first, header.second);
  }
  if (id) headers.set(wire::kId, id->str());
  headers.set(wire::kDeadSubject, message.subject);
  headers.set(wire::kDeadReason, job.record.dead->reason);
  headers.set(wire::kDeadError,
              header_text(job.record.dead->error, cut < Cut::kError ? kLongestHeaderError : kCutError));
  headers.set(wire::kDeadAttempts, std::to_string(job.record.attempts()));
  headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(message)));
  if (cut == Cut::kNothing && !job.record.failures.empty()) headers.set(wire::kDeadHistory, history_of(job.record));
  return letter;
}

std::vector<Result<void>> Undertaker::bury(std::span<const HeldJob* const> jobs) {
  if (!keeps_letters()) return std::vector<Result<void>>(jobs.size());
  std::vector<AppendRequest> letters;
  letters.reserve(jobs.size());
  for (const HeldJob* job : jobs) letters.push_back(make_letter(*job, Cut::kNothing));
  const auto appended = broker_.append(names_.dead_stream(), letters);
  std::vector<Result<void>> results(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (is_refused(appended[i])) {
      results[i] = bury_cut(*jobs[i]);
    } else if (!is_there(appended[i])) {
      results[i] = appended[i].error();
    }
  }
  return results;
}

Result<void> Undertaker::bury_cut(const HeldJob& job) {
  for (const Cut cut : {Cut::kHistory, Cut::kError, Cut::kBadHeaders, Cut::kHeaders}) {
    const AppendRequest letter = make_letter(job, cut);
    const auto appended = broker_.append(names_.dead_stream(), {&letter, 1}).front();
    if (is_there(appended)) return {};
    if (!is_refused(appended) || cut == Cut::kHeaders) return appended.error();
  }
  return {};
}

}  // namespace leat
