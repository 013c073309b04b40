#include "pipeline/clickhouse/pipeline_owner.h"

#include <algorithm>
#include <limits>

#include "core/ulid.h"

namespace leat {
namespace {

// A batch is one insert, whatever its size: another cut has other tokens.
BatchWriterOptions writer_options(const ClickHousePipelineOptions& options, Clock& clock, Log& log) {
  return {.max_rows = 1'000'000,
          .max_bytes = std::numeric_limits<std::size_t>::max(),
          .table_fault_after = options.table_fault_after,
          .first_pause = options.first_pause,
          .longest_pause = options.longest_pause,
          .give_up_after = Duration::max(),
          .clock = &clock,
          .log = &log};
}

}  // namespace

PipelineOwner::PipelineOwner(Parts parts)
    : parts_(std::move(parts)),
      clock_(parts_.broker.clock()),
      engine_(parts_.engine, parts_.lock),
      writer_(engine_, parts_.mapping.encoder, writer_options(parts_.options, clock_, parts_.log)),
      letters_(parts_.broker, parts_.options),
      book_(parts_.records, parts_.options.name + ".range", parts_.options.holder + "." + make_ulid(clock_.now())) {}

Result<void> PipelineOwner::run(const std::stop_token& stop) {
  Backoff backoff(clock_, {parts_.options.first_pause, parts_.options.longest_pause});
  while (!stop.stop_requested()) {
    const std::stop_token lost = parts_.lock.wait_until_held(stop);
    if (stop.stop_requested()) break;
    stream_made_again_ = false;
    auto ended = own(stop, lost);
    if (ended) {
      backoff.reset();
    } else if (!goes_on_after(ended.error())) {
      return ended;
    } else {
      parts_.log.warn("pipeline begins again", {{"pipeline", parts_.options.name}, {"why", ended.error().message()}});
    }
    backoff.pause(stop);
  }
  return {};
}

bool PipelineOwner::goes_on_after(const Error& error) const {
  using NewStream = ClickHousePipelineOptions::NewStream;
  if (stream_made_again_) return parts_.options.new_stream == NewStream::kFromItsBeginning;
  return error.code() == ErrorCode::kLeaseLost || is_passing(error);
}

// `stop` ends the reading at once and an insert after the grace; a lost pipeline ends both.
Result<void> PipelineOwner::own(const std::stop_token& stop, const std::stop_token& lost) {
  std::stop_source quit;
  std::stop_source halt;
  const std::stop_callback on_stop(stop, [&] { quit.request_stop(); });
  const std::stop_callback on_loss(lost, [&] {
    quit.request_stop();
    halt.request_stop();
  });
  const Thread grace = start_thread("stop-grace", [&](const std::stop_token& over) {
    Mutex mutex;
    CondVar never;
    const std::stop_callback wake(over, [&] { quit.request_stop(); });
    {
      MutexLock lock(mutex);
      never.wait(mutex, quit.get_token(), [] { return false; });
    }
    if (sleep_for(clock_, parts_.options.stop_grace, over)) halt.request_stop();
  });
  return work({quit.get_token(), halt.get_token()});
}

Result<void> PipelineOwner::work(const Tokens& tokens) {
  auto place = find_place(tokens.quit);
  if (!place) return tokens.quit.stop_requested() && is_passing(place.error()) ? Result<void>() : place.error();
  parts_.board.change([&](PipelineCounts& counts) { counts.done_up_to = place->done; });
  RangeWriter writer({engine_, writer_, book_, letters_, parts_.options, parts_.table.fingerprint, clock_, parts_.log},
                     std::move(*place));
  auto written = write_all(writer, tokens);
  // That a range is done is worth a try even then; the next owner would repeat it otherwise.
  const auto recorded = parts_.lock.is_held() ? writer.record_done(tokens.halt) : Result<void>();
  if (!written) return written;
  return recorded || is_passing(recorded.error()) ? Result<void>() : recorded;
}

Result<RangeRecord> PipelineOwner::find_place(const std::stop_token& stop) {
  Backoff backoff(clock_, {parts_.options.first_pause, parts_.options.longest_pause});
  while (true) {
    auto record = book_.read();
    auto facts = record ? source_facts(parts_.broker, parts_.options.stream) : record.error();
    if (record && facts) return place_in(*facts, std::move(*record));
    const Error error = record ? facts.error() : record.error();
    if (!is_passing(error) || !backoff.pause(stop)) return error;
  }
}

Result<RangeRecord> PipelineOwner::place_in(const SourceFacts& facts, std::optional<RangeRecord> record) const {
  const ClickHousePipelineOptions& options = parts_.options;
  if (!record) return RangeRecord{.stream = options.stream, .created = facts.created, .done = facts.first - 1};
  if (record->stream != options.stream) {
    return Error(ErrorCode::kInvalidArgument, "pipeline \"" + options.name + "\" reads stream \"" + record->stream +
                                                  "\", not \"" + options.stream + "\": give it another name");
  }
  const std::uint64_t known = record->in_hand ? record->in_hand->last : record->done;
  if (record->created != facts.created || known > facts.last) return place_in_new_stream(facts, *record);
  return std::move(*record);
}

Result<RangeRecord> PipelineOwner::place_in_new_stream(const SourceFacts& facts, const RangeRecord& record) const {
  const ClickHousePipelineOptions& options = parts_.options;
  const bool other = record.created != facts.created;
  const std::string what = "stream \"" + options.stream + "\" " +
                           (other ? "was deleted and made again" : "has lost its end") + " since pipeline \"" +
                           options.name + "\" has read it up to sequence " + std::to_string(record.done);
  if (options.new_stream == ClickHousePipelineOptions::NewStream::kRefused) {
    return Error(ErrorCode::kConflict,
                 what +
                     ": if that is right, run it once with new_stream = kFromItsBeginning (leat pipeline: "
                     "LEAT_PIPELINE_STREAM_NEW=from_its_beginning), which reads all that " +
                     (other ? "is in it" : "was stored since"));
  }
  parts_.log.error("the stream's sequences begin anew", {{"pipeline", options.name}, {"why", what}});
  return RangeRecord{.stream = record.stream,
                     .created = facts.created,
                     .epoch = record.epoch + 1,
                     .done = other ? facts.first - 1 : facts.last};
}

Result<void> PipelineOwner::write_all(RangeWriter& writer, const Tokens& tokens) {
  if (writer.record().in_hand) {
    const auto repeated = repeat(writer, tokens);
    if (!repeated) return repeated.error();
    if (*repeated == RangeWriter::Ending::kStopped) return {};
  }
  BatchCutter cutter({parts_.broker, parts_.mapping, parts_.options, parts_.log}, writer.record().done + 1,
                     writer.record().created);
  cutter.start();
  auto written = write_batches(writer, cutter, tokens);
  cutter.stop();
  const std::uint64_t lost = cutter.seen().lost;
  parts_.board.change([&](PipelineCounts& counts) { counts.lost += lost; });
  return written;
}

Result<RangeWriter::Ending> PipelineOwner::repeat(RangeWriter& writer, const Tokens& tokens) {
  const RangeInHand range = *writer.record().in_hand;
  parts_.log.info("a range that was begun is repeated",
                  {{"pipeline", parts_.options.name}, {"first", range.first}, {"last", range.last}});
  const auto batch = read_range(parts_.broker, parts_.mapping, parts_.options.stream, range, tokens.quit);
  if (!batch) return batch.error();
  if (!*batch) return RangeWriter::Ending::kStopped;
  const auto before = writer.tally();
  auto ended = writer.repeat(**batch, tokens.halt);
  if (ended && *ended == RangeWriter::Ending::kDone) tell(writer, before);
  return ended;
}

Result<void> PipelineOwner::write_batches(RangeWriter& writer, BatchCutter& cutter, const Tokens& tokens) {
  while (true) {
    const auto batch = cutter.next(tokens.quit);
    if (!batch) {
      stream_made_again_ = batch.error().code() == ErrorCode::kConflict;
      return batch.error();
    }
    if (!*batch) return {};
    const auto before = writer.tally();
    const auto ended = writer.write(**batch, tokens.halt);
    if (!ended) return ended.error();
    if (*ended == RangeWriter::Ending::kStopped) return {};
    tell(writer, before);
    const std::uint64_t last = cutter.seen().last;
    parts_.board.change([&](PipelineCounts& counts) { counts.lag = last - std::min(last, counts.done_up_to); });
    // The next range's record says it too, if that comes at once.
    if (cutter.has_one()) continue;
    if (auto recorded = writer.record_done(tokens.halt); !recorded) return recorded;
  }
}

void PipelineOwner::tell(const RangeWriter& writer, const RangeWriter::Tally& before) {
  const auto now = writer.tally();
  parts_.board.change([&](PipelineCounts& counts) {
    counts.rows += now.rows - before.rows;
    counts.dead_letters += now.dead_letters - before.dead_letters;
    counts.batches += 1;
    counts.inserts = engine_.inserts();
    counts.done_up_to = writer.record().done;
  });
}

}  // namespace leat
