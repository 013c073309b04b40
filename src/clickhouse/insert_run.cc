#include "clickhouse/insert_run.h"

#include <algorithm>

#include "core/mutex.h"
#include "core/ulid.h"

namespace leat {
namespace {

bool is_transient(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kUnknown;
}

}  // namespace

InsertRun::InsertRun(ClickHouse& engine, const RowEncoder& encoder, const BatchWriterOptions& options,
                     const RowBatch& batch, const WriteOptions& write, std::stop_token stop)
    : engine_(engine),
      encoder_(encoder),
      options_(options),
      batch_(batch),
      write_(write),
      stop_(std::move(stop)),
      clock_(options.clock != nullptr ? *options.clock : real_clock()),
      log_(options.log != nullptr ? *options.log : no_log()),
      token_(write.token),
      refused_in_a_row_(write.resume.refused_in_a_row),
      code_(write.resume.code) {
  // Tries of this write are stored once then, and rows that are equal to those of another write are not taken for them.
  if (token_.empty() && engine.facts().tokens) token_ = "leat-" + make_ulid(clock_.now());
}

Result<std::optional<WriteReport>> InsertRun::run() {
  for (std::size_t at = 0; at < batch_.size();) {
    const RowRange range = next_insert(at);
    const auto ended = write_range(range);
    if (!ended) return ended.error();
    if (*ended == Ending::kStopped) return std::optional<WriteReport>();
    at = range.end;
  }
  return std::optional<WriteReport>(std::move(report_));
}

RowRange InsertRun::next_insert(std::size_t begin) const {
  const std::size_t most = std::min(batch_.size(), begin + std::max<std::size_t>(options_.max_rows, 1));
  if (batch_.rows(begin, most).size() <= options_.max_bytes) return {begin, most};
  std::size_t fits = begin + 1;  // one row goes alone, however large it is
  for (std::size_t beyond = most; fits + 1 < beyond;) {
    const std::size_t middle = fits + (beyond - fits) / 2;
    (batch_.rows(begin, middle).size() <= options_.max_bytes ? fits : beyond) = middle;
  }
  return {begin, fits};
}

Result<InsertRun::Ending> InsertRun::write_range(RowRange range) {
  if (range.end <= write_.resume.settled || batch_.rows(range.begin, range.end).empty()) return Ending::kDone;
  const auto& known = write_.resume.refused;
  if (std::find(known.begin(), known.end(), range) != known.end()) return write_parts(range);
  const auto answer = insert(range);
  if (!answer) return answer.error();
  using enum InsertAnswer::Verdict;
  if (answer->verdict == kStopped) return Ending::kStopped;
  if (answer->verdict == kStored) {
    report_.stored += rows_in(range);
    refused_in_a_row_ = 0;
    return Ending::kDone;
  }
  return rows_in(range) > 1 ? begin_parts(range) : give_up_row(range, *answer);
}

Result<InsertRun::Ending> InsertRun::give_up_row(RowRange range, const InsertAnswer& answer) {
  refused_in_a_row_ = code_ == answer.code ? refused_in_a_row_ + 1 : 1;
  code_ = answer.code;
  if (options_.table_fault_after > 0 && refused_in_a_row_ > options_.table_fault_after) {
    return Error(ErrorCode::kInvalidArgument,
                 "table " + encoder_.table() +
                     " refuses row after row for the same reason, which is hardly the rows' "
                     "fault (if it is, write them with table_fault_after = 0): " +
                     answer.reason);
  }
  std::size_t index = range.begin;
  while (batch_.rows(index, index + 1).empty()) ++index;
  report_.bad.push_back({index, answer.code, answer.reason});
  return Ending::kDone;
}

Result<InsertRun::Ending> InsertRun::begin_parts(RowRange range) {
  if (refused_.empty()) {
    log_.warn("ClickHouse refuses a row; looking for it",
              {{"table", encoder_.table()}, {"rows", range.end - range.begin}});
  }
  if (write_.before_parts) {
    WriteProgress progress{
        .settled = range.begin, .refused = refused_, .refused_in_a_row = refused_in_a_row_, .code = code_};
    progress.refused.push_back(range);
    if (auto noted = write_.before_parts(progress, report_.bad); !noted) return noted.error();
  }
  return write_parts(range);
}

Result<InsertRun::Ending> InsertRun::write_parts(RowRange range) {
  const std::size_t middle = range.begin + (range.end - range.begin) / 2;
  refused_.push_back(range);
  auto ended = write_range({range.begin, middle});
  if (ended && *ended == Ending::kDone) ended = write_range({middle, range.end});
  refused_.pop_back();
  return ended;
}

std::size_t InsertRun::rows_in(RowRange range) const {
  std::size_t rows = 0;
  for (std::size_t i = range.begin; i < range.end; ++i) rows += batch_.rows(i, i + 1).empty() ? 0 : 1;
  return rows;
}

Result<InsertAnswer> InsertRun::insert(RowRange range) {
  const SteadyTime give_up = deadline_after(clock_, options_.give_up_after);
  Duration wait = std::max<Duration>(options_.first_pause, std::chrono::milliseconds(1));
  InsertRequest request{.table = encoder_.table(),
                        .columns = encoder_.column_names(),
                        .rows = batch_.rows(range.begin, range.end),
                        .token = token_of(range),
                        .settings = options_.settings,
                        .timeout = options_.timeout};
  while (true) {
    auto answer = try_insert(request, give_up);
    if (answer || !is_transient(answer.error().code())) return answer;
    log_.warn("insert failed; trying again",
              {{"table", encoder_.table()}, {"query_id", request.query_id}, {"error", answer.error().message()}});
    if (!pause(wait, give_up)) {
      if (stop_.stop_requested()) return InsertAnswer{InsertAnswer::Verdict::kStopped, 0, ""};
      return answer;
    }
  }
}

Result<InsertAnswer> InsertRun::try_insert(InsertRequest& request, SteadyTime give_up) {
  if (auto waited = wait_for_unanswered(give_up); !waited) return waited.error();
  request.query_id = write_.query_id.empty() ? "leat-" + make_ulid(clock_.now()) : write_.query_id;
  ++report_.inserts;
  auto answer = engine_.insert(request, stop_);
  if (!answer && answer.error().code() == ErrorCode::kUnknown) unanswered_ = request.query_id;
  return answer;
}

// The server may still be at it; a second insert beside it would wait or be stored twice. Who may not ask goes on.
Result<void> InsertRun::wait_for_unanswered(SteadyTime give_up) {
  if (unanswered_.empty()) return {};
  const auto ended = wait_until_ended(engine_, unanswered_, clock_, give_up, stop_);
  if (!ended && is_transient(ended.error().code())) return ended.error();
  if (ended && !*ended) return Error(ErrorCode::kUnknown, "the insert whose answer was lost still runs");
  unanswered_.clear();
  return {};
}

bool InsertRun::pause(Duration& wait, SteadyTime give_up) {
  const Duration left = give_up - clock_.steady();
  if (left <= Duration::zero() || !sleep_for(clock_, std::min(wait, left), stop_)) return false;
  wait = std::min(wait * 2, std::max(options_.longest_pause, options_.first_pause));
  return clock_.steady() < give_up;
}

std::string InsertRun::token_of(RowRange range) const {
  if (token_.empty() || range.end - range.begin == batch_.size()) return token_;
  return token_ + "/" + std::to_string(range.begin) + "-" + std::to_string(range.end);
}

}  // namespace leat
