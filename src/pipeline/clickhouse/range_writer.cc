#include "pipeline/clickhouse/range_writer.h"

#include <algorithm>

namespace leat {
namespace {

std::string query_id_of(std::string name) {
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

std::uint64_t present(const RangeBatch& batch) {
  return batch.messages.size() - batch.gone;
}

}  // namespace

Result<RangeWriter::Ending> RangeWriter::write(const RangeBatch& batch, const std::stop_token& stop) {
  record_.in_hand = RangeInHand{.first = batch.first,
                                .last = batch.last,
                                .messages = batch.messages.size(),
                                .filter = parts_.options.filter,
                                .mapping = parts_.fingerprint};
  record_.done = batch.first - 1;  // the cutter knows that nothing is between
  // Unknown whether it is written: then it is as if it were, and the next owner finds out.
  if (auto recorded = record(stop); !recorded) {
    return stop.stop_requested() ? Result<Ending>(Ending::kStopped) : recorded.error();
  }
  return insert(batch, stop);
}

Result<RangeWriter::Ending> RangeWriter::repeat(const RangeBatch& batch, const std::stop_token& stop) {
  auto waited = wait_for_earlier_insert(stop);
  if (!waited || *waited == Ending::kStopped) return waited;
  RangeInHand& range = *record_.in_hand;
  if (range.mapping != parts_.fingerprint) {
    parts_.log.warn("the mapping or its table has changed since this range was begun: its rows are made anew",
                    {{"pipeline", parts_.options.name}, {"first", range.first}, {"last", range.last}});
  }
  if (present(batch) < range.messages) report_gone(batch);
  if (batch.messages.size() != range.messages) {
    if (!range.progress.refused.empty()) return give_up_in_doubt(batch, stop);
    range.messages = batch.messages.size();
  }
  return insert(batch, stop);
}

Result<void> RangeWriter::record_done(const std::stop_token& stop) {
  return unwritten_ ? record(stop) : Result<void>();
}

Result<void> RangeWriter::record(const std::stop_token& stop) {
  auto written = parts_.book.write(record_, backoff(), stop);
  if (written) unwritten_ = false;
  return written;
}

// What an owner that is gone has sent may still be running. A server runs no second query of its id either.
Result<RangeWriter::Ending> RangeWriter::wait_for_earlier_insert(const std::stop_token& stop) {
  const std::string id = query_id_of(range_name(parts_.options.name, record_, *record_.in_hand));
  const auto ended =
      again([&] { return wait_until_ended(parts_.engine, id, parts_.clock, SteadyTime::max(), stop); }, stop);
  if (stop.stop_requested()) return Ending::kStopped;
  if (!ended) return ended.error();
  return Ending::kDone;
}

Result<RangeWriter::Ending> RangeWriter::insert(const RangeBatch& batch, const std::stop_token& stop) {
  std::vector<PipelineLetter> letters;
  for (const Unmapped& each : batch.unmapped) letters.push_back({&batch.messages[each.place], each.reason});
  if (auto kept = keep(letters, stop); !kept) {
    return stop.stop_requested() ? Result<Ending>(Ending::kStopped) : kept.error();
  }
  auto inserted = insert_rows(batch, stop);
  if (!inserted && stop.stop_requested() && is_passing(inserted.error())) return Ending::kStopped;
  if (inserted && *inserted == Ending::kDone) finish();
  return inserted;
}

Result<RangeWriter::Ending> RangeWriter::insert_rows(const RangeBatch& batch, const std::stop_token& stop) {
  const auto report = again([&] { return send(batch, stop); }, stop);
  if (!report) return report.error();
  if (!*report) return Ending::kStopped;
  tally_.rows += (*report)->stored;
  return Ending::kDone;
}

Result<std::optional<WriteReport>> RangeWriter::send(const RangeBatch& batch, const std::stop_token& stop) {
  const std::string name = range_name(parts_.options.name, record_, *record_.in_hand);
  WriteOptions options{.token = parts_.engine.facts().tokens ? name : "",
                       .query_id = query_id_of(name),
                       .resume = record_.in_hand->progress};
  // Rows that were found to be refused are kept before the record says that they are settled.
  std::size_t kept = 0;
  const auto keep_more = [&](std::span<const BadRow> bad) {
    auto more = keep_refused(batch, bad.subspan(kept), stop);
    if (more) kept = bad.size();
    return more;
  };
  options.before_parts = [&](const WriteProgress& progress, const std::vector<BadRow>& bad) -> Result<void> {
    if (auto more = keep_more(bad); !more) return more;
    record_.in_hand->progress = progress;
    return record(stop);
  };
  auto report = parts_.writer.write(batch.rows, options, stop);
  if (!report || !*report) return report;
  if (auto more = keep_more((*report)->bad); !more) return more.error();
  return report;
}

Result<void> RangeWriter::keep(const std::vector<PipelineLetter>& letters, const std::stop_token& stop) {
  if (letters.empty()) return {};
  const auto kept = again([&] { return parts_.letters.put(record_, letters); }, stop);
  if (!kept) return kept.error();
  tally_.dead_letters += *kept;
  if (*kept > 0) tell_of_letters(letters.back());
  return {};
}

// One line a while says it for all.
void RangeWriter::tell_of_letters(const PipelineLetter& last) {
  constexpr Duration kQuiet = std::chrono::seconds(10);
  const SteadyTime now = parts_.clock.steady();
  if (letters_told_ && now - *letters_told_ < kQuiet) return;
  letters_told_ = now;
  parts_.log.warn("messages became dead letters", {{"pipeline", parts_.options.name},
                                                   {"dead_letters", tally_.dead_letters},
                                                   {"stream", parts_.options.dead_letters},
                                                   {"last_sequence", last.message->sequence},
                                                   {"reason", last.reason}});
}

Result<void> RangeWriter::keep_refused(const RangeBatch& batch, std::span<const BadRow> bad,
                                       const std::stop_token& stop) {
  std::vector<PipelineLetter> letters;
  for (const BadRow& row : bad) letters.push_back({&batch.messages[row.index], row.reason, row.code});
  return keep(letters, stop);
}

// Parts of it are stored under tokens that tell places, and whose place is whose cannot be told any more. Nothing is
// stored twice, and nothing is lost: a person has all that is left.
Result<RangeWriter::Ending> RangeWriter::give_up_in_doubt(const RangeBatch& batch, const std::stop_token& stop) {
  std::vector<PipelineLetter> letters;
  for (const StoredMessage& message : batch.messages) {
    letters.push_back({&message,
                       "its range was inserted in parts and cut off, and others of its messages are gone since: look "
                       "into the table whether it is there"});
  }
  parts_.log.error("a range that was half inserted cannot be repeated: what is left of it goes to the dead letters",
                   {{"pipeline", parts_.options.name},
                    {"first", record_.in_hand->first},
                    {"last", record_.in_hand->last},
                    {"messages", letters.size()}});
  if (auto kept = keep(letters, stop); !kept) {
    return stop.stop_requested() ? Result<Ending>(Ending::kStopped) : kept.error();
  }
  finish();
  return Ending::kDone;
}

void RangeWriter::report_gone(const RangeBatch& batch) const {
  parts_.log.error("messages of a range that was begun are gone: they may or may not be in the table",
                   {{"pipeline", parts_.options.name},
                    {"first", batch.first},
                    {"last", batch.last},
                    {"gone", record_.in_hand->messages - present(batch)}});
}

void RangeWriter::finish() {
  record_.done = record_.in_hand->last;
  record_.in_hand.reset();
  unwritten_ = true;
}

}  // namespace leat
