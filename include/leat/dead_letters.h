// Jobs that failed for good, kept for 30 days with everything needed to understand them and to run them again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/result.h"

namespace leat {

struct DeadLetter {
  std::uint64_t number = 0;  // names it to retry() and discard()
  JobId id;
  std::string kind;
  std::string payload;
  Headers headers;     // the job's own
  std::string reason;  // "attempts", "dead", "undecodable", "unknown_kind", "crashed"
  std::string error;   // of the last attempt
  unsigned attempts = 0;
  std::string history;  // the attempt record as JSON (docs/spec/jobs.md); empty when there was none
  SystemTime enqueued_at{};
  SystemTime died_at{};
};

struct DeadLetterFilter {
  std::optional<std::string> queue{};
  std::optional<std::string> kind{};
  std::uint64_t after = 0;  // only numbers greater than this: for reading on
  std::size_t limit = 1000;
};

// Thread-safe. Borrows the broker, which must outlive it.
class DeadLetters {
 public:
  explicit DeadLetters(Broker& broker, std::string name_space = "leat");
  ~DeadLetters();

  // Oldest first.
  Result<std::vector<DeadLetter>> list(const DeadLetterFilter& filter = {}, std::stop_token stop = {});
  // Errors: kNotFound.
  Result<DeadLetter> get(std::uint64_t number);
  // Enqueues it again under the same id with all its attempts before it, then removes it here. Errors: kNotFound.
  Result<JobId> retry(std::uint64_t number);
  // Errors: kNotFound.
  Result<void> discard(std::uint64_t number);

 private:
  class Box;
  std::unique_ptr<Box> box_;
};

}  // namespace leat
