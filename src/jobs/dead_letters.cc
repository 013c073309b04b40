#include "leat/dead_letters.h"

#include <ostream>

#include "jobs/dead_letter_importer.h"
#include "jobs/dead_letter_line.h"
#include "jobs/dead_letter_message.h"
#include "jobs/dead_letter_remover.h"
#include "jobs/dead_letter_reviver.h"
#include "jobs/dead_letter_run.h"
#include "jobs/dead_letter_scan.h"
#include "jobs/event_log.h"

namespace leat {
namespace {

constexpr std::size_t kListed = 1000;

DeadLetterFilter with(DeadLetterFilter filter, DeadLetterFilter::Payloads payloads) {
  filter.payloads = payloads;
  return filter;
}

}  // namespace

class DeadLetters::Box {
 public:
  Box(Broker& broker, NamespaceOptions name_space) : broker_(broker), names_(std::move(name_space)) {}

  Result<StoredMessage> find(std::uint64_t number);
  Result<DeadLetterScan> scan(DeadLetterFilter filter);
  Result<JobId> retry(std::uint64_t number, const DeadLetterEdit& edit);
  Result<void> discard(std::uint64_t number);
  Result<DeadLetterReport> run(DeadLetterFilter filter, const DeadLetterRun& run, const DeadLetterDeed& deed,
                               const std::stop_token& stop);
  std::vector<Result<bool>> revive_all(std::span<const StoredMessage> letters);
  std::vector<Result<bool>> remove_all(std::span<const StoredMessage> letters);
  Result<DeadLetterImport> import_from(std::istream& in, const DeadLetterImportOptions& options,
                                       const std::stop_token& stop);

 private:
  void tell(JobEvent::What what, std::span<const StoredMessage> letters, const std::vector<Result<bool>>& done);

  Broker& broker_;
  const Names names_;
  DeadLetterReviver reviver_{broker_, names_};
};

Result<StoredMessage> DeadLetters::Box::find(std::uint64_t number) {
  if (auto named = names_.check(); !named) return named.error();
  auto message = broker_.admin().read(names_.dead_stream(), number);
  const Error missing(ErrorCode::kNotFound, "there is no " + letter_name(number));
  if (!message) return message.error().code() == ErrorCode::kNotFound ? missing : message.error();
  if (!*message) return missing;
  return std::move(**message);
}

Result<DeadLetterScan> DeadLetters::Box::scan(DeadLetterFilter filter) {
  if (auto named = names_.check(); !named) return named.error();
  if (auto checked = DeadLetterScan::check(filter); !checked) return checked.error();
  return DeadLetterScan(broker_, names_, std::move(filter));
}

Result<JobId> DeadLetters::Box::retry(std::uint64_t number, const DeadLetterEdit& edit) {
  const auto found = find(number);
  if (!found) return found.error();
  auto revived = std::move(reviver_.revive({&*found, 1}, edit).front());
  if (revived) tell(JobEvent::What::kRevived, {&*found, 1}, {true});
  return revived;
}

Result<void> DeadLetters::Box::discard(std::uint64_t number) {
  const auto found = find(number);
  if (!found) return found.error();
  const auto removed = broker_.admin().remove(names_.dead_stream(), number);
  if (!removed) return removed.error();
  tell(JobEvent::What::kDiscarded, {&*found, 1}, {true});
  return {};
}

Result<DeadLetterReport> DeadLetters::Box::run(DeadLetterFilter filter, const DeadLetterRun& run,
                                               const DeadLetterDeed& deed, const std::stop_token& stop) {
  if (auto checked = check(run); !checked) return checked.error();
  auto scanned = scan(std::move(filter));
  if (!scanned) return scanned.error();
  return run_through(*scanned, run, broker_.clock(), deed, stop);
}

std::vector<Result<bool>> DeadLetters::Box::revive_all(std::span<const StoredMessage> letters) {
  std::vector<Result<bool>> results;
  for (const auto& revived : reviver_.revive(letters)) {
    results.push_back(revived ? Result<bool>(true) : Result<bool>(revived.error()));
  }
  tell(JobEvent::What::kRevived, letters, results);
  return results;
}

std::vector<Result<bool>> DeadLetters::Box::remove_all(std::span<const StoredMessage> letters) {
  std::vector<std::uint64_t> numbers;
  for (const StoredMessage& letter : letters) numbers.push_back(letter.sequence);
  auto results = remove_dead_letters(broker_, names_, numbers);
  tell(JobEvent::What::kDiscarded, letters, results);
  return results;
}

// Of the letters for which it was done.
void DeadLetters::Box::tell(JobEvent::What what, std::span<const StoredMessage> letters,
                            const std::vector<Result<bool>>& done) {
  std::vector<JobEvent> events;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (!done[i] || !*done[i]) continue;
    const Headers& headers = letters[i].headers;
    if (const auto id = dead_job_id(letters[i])) {
      events.push_back({.what = what, .job = *id, .kind = std::string(headers.get(wire::kKind).value_or(""))});
    }
  }
  EventLog::tell_now(broker_, names_, std::move(events));
}

Result<DeadLetterImport> DeadLetters::Box::import_from(std::istream& in, const DeadLetterImportOptions& options,
                                                       const std::stop_token& stop) {
  if (auto named = names_.check(); !named) return named.error();
  return DeadLetterImporter(broker_, names_, options).run(in, stop);
}

DeadLetters::DeadLetters(Broker& broker, NamespaceOptions name_space)
    : box_(std::make_unique<Box>(broker, std::move(name_space))) {}
DeadLetters::~DeadLetters() = default;

Result<std::vector<DeadLetter>> DeadLetters::list(const DeadLetterFilter& filter, std::stop_token stop) {
  const std::size_t limit = filter.limit.value_or(kListed);
  DeadLetterFilter limited = filter;
  limited.limit = limit;
  auto scan = box_->scan(std::move(limited));
  if (!scan) return scan.error();
  std::vector<DeadLetter> letters;
  while (letters.size() < limit) {
    const auto messages = scan->next(std::min(kDeadLetterBatch, limit - letters.size()), stop);
    if (!messages) return messages.error();
    if (messages->empty()) break;
    for (const StoredMessage& message : *messages) letters.push_back(letter_from(message));
  }
  return letters;
}

Result<DeadLetter> DeadLetters::get(std::uint64_t number) {
  const auto message = box_->find(number);
  if (!message) return message.error();
  return letter_from(*message);
}

Result<JobId> DeadLetters::retry(std::uint64_t number) {
  return box_->retry(number, {});
}

Result<JobId> DeadLetters::retry(std::uint64_t number, const DeadLetterEdit& edit) {
  return box_->retry(number, edit);
}

Result<void> DeadLetters::discard(std::uint64_t number) {
  return box_->discard(number);
}

Result<DeadLetterReport> DeadLetters::retry_many(const DeadLetterFilter& filter, const DeadLetterRun& run,
                                                 std::stop_token stop) {
  return box_->run(
      with(filter, DeadLetterFilter::Payloads::kRead), run,
      [this](std::span<const StoredMessage> letters) { return box_->revive_all(letters); }, stop);
}

Result<DeadLetterReport> DeadLetters::discard_many(const DeadLetterFilter& filter, const DeadLetterRun& run,
                                                   std::stop_token stop) {
  return box_->run(
      with(filter, DeadLetterFilter::Payloads::kLeaveOut), run,
      [this](std::span<const StoredMessage> letters) { return box_->remove_all(letters); }, stop);
}

Result<std::uint64_t> DeadLetters::export_to(std::ostream& out, const DeadLetterFilter& filter, std::stop_token stop) {
  auto scan = box_->scan(with(filter, DeadLetterFilter::Payloads::kRead));
  if (!scan) return scan.error();
  std::uint64_t written = 0;
  while (true) {
    const auto messages = scan->next(kDeadLetterBatch, stop);
    if (!messages) return messages.error();
    if (messages->empty()) break;
    for (const StoredMessage& message : *messages) out << dead_letter_line(message) << '\n';
    if (!out) break;
    written += messages->size();
  }
  out.flush();
  if (out) return written;
  return Error(ErrorCode::kFull, "dead letters cannot be written: see where they go, and whether there is room");
}

Result<DeadLetterImport> DeadLetters::import_from(std::istream& in, const DeadLetterImportOptions& options,
                                                  std::stop_token stop) {
  return box_->import_from(in, options, stop);
}

}  // namespace leat
