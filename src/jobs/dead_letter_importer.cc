#include "jobs/dead_letter_importer.h"

#include <istream>

#include "core/invalid_argument.h"
#include "jobs/dead_letter_line.h"
#include "jobs/dead_letter_message.h"
#include "jobs/dead_letter_run.h"
#include "jobs/dead_letter_scan.h"
#include "jobs/job_streams.h"

namespace leat {
namespace {

constexpr std::size_t kBatchBytes = 8 * 1024 * 1024;
constexpr std::size_t kLongestLine = 512 * 1024 * 1024;

enum class Read { kLine, kTooLong, kEnd };

// What is longer than any letter is read on and dropped.
Read read_line(std::istream& in, std::string& line) {
  line.clear();
  std::size_t length = 0;
  for (int c = in.get(); c != std::char_traits<char>::eof(); c = in.get(), ++length) {
    if (c == '\n') return length > kLongestLine ? Read::kTooLong : Read::kLine;
    if (length < kLongestLine) line.push_back(static_cast<char>(c));
  }
  if (length == 0) return Read::kEnd;
  return length > kLongestLine ? Read::kTooLong : Read::kLine;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == line.npos;
}

}  // namespace

Result<DeadLetterImport> DeadLetterImporter::run(std::istream& in, const std::stop_token& stop) {
  const auto letters = ensure_job_streams(broker_, names_, drift_log(options_.log));
  if (!letters) return letters.error();
  if (*letters == Letters::kNone)
    return invalid_argument("namespace " + names_.space() + " keeps no dead letters: import with enable_dlq = true");
  for (bool more = true; more && !report_.ended_by;) {
    more = gather(in, stop);
    store();
    if (in.bad() && !report_.ended_by) {
      report_.ended_by = Error(ErrorCode::kUnavailable, "the input cannot be read: see what it is");
    }
    if (options_.on_progress) options_.on_progress(report_);
  }
  return std::move(report_);
}

// False at the end of the input, or when `stop` is requested.
bool DeadLetterImporter::gather(std::istream& in, const std::stop_token& stop) {
  std::string line;
  for (std::size_t bytes = 0; batch_.size() < kDeadLetterBatch && bytes < kBatchBytes; bytes += line.size()) {
    if (stop.stop_requested()) return false;
    const Read read = read_line(in, line);
    if (read == Read::kEnd) return false;
    ++number_;
    if (read == Read::kTooLong) {
      add_failure(number_, {ErrorCode::kInvalidArgument, "the line is longer than any dead letter"});
    } else if (!is_blank(line)) {
      auto letter = letter_of_line(names_, line);
      if (letter) {
        batch_.push_back({number_, std::move(*letter)});
      } else {
        add_failure(number_, letter.error());
      }
    }
  }
  return true;
}

void DeadLetterImporter::store() {
  if (batch_.empty()) return;
  std::vector<AppendRequest> letters;
  letters.reserve(batch_.size());
  for (const Line& line : batch_) {
    letters.push_back(line.letter);
    if (const auto id = JobId::parse(header_of(line.letter.message, wire::kId))) queues_.emplace(id->queue());
  }
  const std::uint64_t stored_before = report_.added + report_.present;
  Result<void> named = name_queues();
  const auto appended = named ? broker_.append(names_.dead_stream(), letters)
                              : std::vector<Result<Appended>>(letters.size(), Result<Appended>(named.error()));
  const Error* last = nullptr;
  for (std::size_t i = 0; i < appended.size(); ++i) {
    if (appended[i]) {
      ++report_.added;
    } else {
      count_refused(batch_[i], appended[i].error());
      last = &appended[i].error();
    }
  }
  if (last != nullptr && report_.added + report_.present == stored_before && is_for_all(*last)) {
    report_.ended_by = last->with_context("ended after line " + std::to_string(number_));
  }
  batch_.clear();
}

void DeadLetterImporter::count_refused(const Line& line, const Error& error) {
  if (error.code() == ErrorCode::kConflict) {
    ++report_.present;
  } else {
    add_failure(line.number, error);
  }
}

void DeadLetterImporter::add_failure(std::uint64_t line, const Error& error) {
  ++report_.failed;
  if (report_.failures.size() < kKeptFailures) report_.failures.push_back({line, error});
}

// Who looks at the queues of the namespace finds those of the letters.
Result<void> DeadLetterImporter::name_queues() {
  for (const std::string& queue : queues_) {
    if (named_.contains(queue)) continue;
    auto control = open_control(broker_, names_);
    if (!control) return control.error();
    const auto created = (*control)->create(Names::queue_key(queue), "{}");
    if (!created && created.error().code() != ErrorCode::kConflict) return created.error();
    named_.insert(queue);
  }
  queues_.clear();
  return {};
}

}  // namespace leat
