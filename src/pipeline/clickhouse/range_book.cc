#include "pipeline/clickhouse/range_book.h"

namespace leat {

Result<std::optional<RangeRecord>> RangeBook::read() {
  const auto entry = records_.get(key_);
  if (!entry) return entry.error();
  revision_ = *entry ? (*entry)->revision : 0;
  if (!*entry) return std::optional<RangeRecord>();
  auto record = parse_range_record((*entry)->value);
  if (!record) {
    return Error(record.error().code(),
                 record.error().message() + ": restore the key \"" + key_ +
                     "\" of the pipelines' bucket from a backup; another pipeline's name reads the stream from its "
                     "first message on and stores all again");
  }
  return std::optional(std::move(*record));
}

Result<void> RangeBook::write(RangeRecord record, Backoff backoff, const std::stop_token& stop) {
  record.owner = owner_ + "." + std::to_string(++written_);
  const std::string text = to_text(record);
  while (true) {
    const auto written = revision_ == 0 ? records_.create(key_, text) : records_.update(key_, text, revision_);
    if (written) {
      revision_ = *written;
      return {};
    }
    if (!is_passing(written.error()) && written.error().code() != ErrorCode::kConflict) return written.error();
    // The answer was lost, or the write came twice, or it is somebody else's: what is there tells.
    auto seen = look(text);
    while (!seen && is_passing(seen.error()) && backoff.pause(stop)) seen = look(text);
    if (!seen) return seen.error();
    if (*seen == Look::kWritten) return {};
    if (*seen == Look::kOther) return Error(ErrorCode::kLeaseLost, "another owner has written the pipeline's record");
    if (!backoff.pause(stop)) return Error(ErrorCode::kUnavailable, "stopped");
  }
}

Result<RangeBook::Look> RangeBook::look(const std::string& text) {
  const auto entry = records_.get(key_);
  if (!entry) return entry.error();
  const std::uint64_t there = *entry ? (*entry)->revision : 0;
  if (there == revision_) return Look::kNotYet;
  if (!*entry || (*entry)->value != text) return Look::kOther;
  revision_ = there;
  return Look::kWritten;
}

}  // namespace leat
