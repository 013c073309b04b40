// Jobs that failed for good, kept for 30 days with everything needed to understand them and to run them again.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/log.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat {

struct DeadLetter {
  std::uint64_t number = 0;  // names it to retry() and discard()
  JobId id;                  // empty for a message that was no job
  std::string queue;
  std::string subject;  // where it lay
  std::string kind;
  std::string payload;
  Headers headers;     // the job's own, with those that leat keeps its options in
  std::string reason;  // "attempts", "dead", "undecodable", "unknown_kind", "crashed", "deadline"
  std::string error;   // of the last attempt
  unsigned attempts = 0;
  std::string history;  // the attempt record as JSON (docs/spec/jobs.md); empty when there was none
  SystemTime enqueued_at{};
  SystemTime died_at{};
};

// Selects the dead letters to which everything that is set applies.
struct DeadLetterFilter {
  std::optional<std::string> queue{};
  std::optional<std::string> kind{};
  std::uint64_t after = 0;  // only numbers greater than this: for reading on
  // At most this many, the oldest: 1 or more. Without: 1000 for list(), all for everything else.
  std::optional<std::size_t> limit{};
  std::optional<std::uint64_t> up_to{};    // only numbers up to and with this one
  std::optional<std::string> reason{};     // exactly this one
  std::optional<std::string> error{};      // a part of the error, in the same case
  std::optional<Duration> older_than{};    // died longer ago than this; 0 or more
  std::optional<Duration> younger_than{};  // died no longer ago than this; 0 or more
  // Of list() alone: without payloads only the rest is read, which is less where payloads are large.
  enum class Payloads { kRead, kLeaveOut } payloads = Payloads::kRead;
};

// What is different when a dead letter is retried; what is not set stays. The id stays in any case.
struct DeadLetterEdit {
  std::optional<std::string> payload{};  // as large as a queue takes (Queue::max_payload())
  std::optional<std::string> kind{};
  // All headers of the job, instead of DeadLetter::headers. Those that begin with `Leat-` are its options
  // (docs/spec/jobs.md): Leat-Max-Attempts, -Retry, -Timeout, -Deadline and -Result may be changed.
  std::optional<Headers> headers{};
};

struct DeadLetterFailure {
  std::uint64_t number = 0;
  JobId id;
  Error error;
};

// How a run over many dead letters went.
struct DeadLetterReport {
  std::uint64_t done = 0;                     // retried, or discarded
  std::uint64_t failed = 0;                   // still here, unless the answer that it is gone was lost
  std::vector<DeadLetterFailure> failures{};  // the first 1000 of them
  std::optional<Error> ended_by{};            // what ended the run early: the rest would have failed of it too
};

struct DeadLetterRun {
  double rate = 0;  // dead letters per second, 0.001 to 1'000'000; 0: as fast as the broker takes them
  std::function<void(const DeadLetterReport&)> on_progress{};  // after each batch, on the calling thread
};

// How an import went.
struct DeadLetterImport {
  struct Failure {
    std::uint64_t line = 0;  // in the input, from 1
    Error error;
  };
  std::uint64_t added = 0;
  std::uint64_t present = 0;        // were here already
  std::uint64_t failed = 0;         // malformed, or refused by the broker
  std::vector<Failure> failures{};  // the first 1000 of them
  std::optional<Error> ended_by{};  // as in DeadLetterReport
};

struct DeadLetterImportOptions {
  Log* log = nullptr;  // borrowed; told of what exists with other settings, else standard error is
  std::function<void(const DeadLetterImport&)> on_progress{};  // after each batch, on the calling thread
};

// Thread-safe. Borrows the broker, which must outlive it.
//
// Errors of all: kInvalidArgument (the namespace, a filter or an edit; the message says what), kUnavailable.
// Whatever is cut off between two steps is not lost: a retry enqueues first and removes the dead letter then, and one
// that is repeated finds the job that waits already.
class DeadLetters {
 public:
  explicit DeadLetters(Broker& broker, NamespaceOptions name_space = {});
  ~DeadLetters();

  // Oldest first. Reads no further than the limit; those that come meanwhile are left out. What a stop cuts off is
  // empty or short.
  Result<std::vector<DeadLetter>> list(const DeadLetterFilter& filter = {}, std::stop_token stop = {});
  // Errors: kNotFound.
  Result<DeadLetter> get(std::uint64_t number);

  // Enqueues it again under the same id with all its attempts before it, then removes it here. Its deadline, which may
  // be why it died, is dropped. Errors: kNotFound; kCorrupt (it was no job: discard it); kConflict (another job with
  // this id is not done yet, or an earlier retry has enqueued this one in another form); kUnknown. The dead letter
  // stays, and can be retried again.
  Result<JobId> retry(std::uint64_t number);
  // The same with changes: a deadline in the headers that is not the old one counts.
  Result<JobId> retry(std::uint64_t number, const DeadLetterEdit& edit);
  // Errors: kNotFound.
  Result<void> discard(std::uint64_t number);

  // The same for all that the filter selects among those that are here when the call begins, oldest first, in batches.
  // One that fails stays and does not hold up the others. `stop` ends it between two batches.
  Result<DeadLetterReport> retry_many(const DeadLetterFilter& filter, const DeadLetterRun& run = {},
                                      std::stop_token stop = {});
  Result<DeadLetterReport> discard_many(const DeadLetterFilter& filter, const DeadLetterRun& run = {},
                                        std::stop_token stop = {});

  // Writes a line of JSON for each (docs/spec/jobs.md), and says how many. Errors: kFull (the stream takes no more).
  Result<std::uint64_t> export_to(std::ostream& out, const DeadLetterFilter& filter = {}, std::stop_token stop = {});
  // Adds what such lines tell, here or on another broker; a letter that is here already is not added again. Lines that
  // are malformed are reported and leave the others. They are kept for 30 days from now; creates the streams that are
  // missing. Errors: kInvalidArgument also when the namespace keeps none (NamespaceOptions::enable_dlq).
  Result<DeadLetterImport> import_from(std::istream& in, const DeadLetterImportOptions& options = {},
                                       std::stop_token stop = {});

 private:
  class Box;
  std::unique_ptr<Box> box_;
};

}  // namespace leat
