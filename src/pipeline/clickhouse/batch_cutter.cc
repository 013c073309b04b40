#include "pipeline/clickhouse/batch_cutter.h"

#include <algorithm>
#include <utility>

namespace leat {
namespace {

constexpr std::size_t kAtOnce = 2000;                // messages of one read
constexpr Duration kLook = std::chrono::seconds(5);  // how often an idle stream is looked at

std::chrono::milliseconds whole_ms(Duration wait) {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(wait), std::chrono::milliseconds(1));
}

}  // namespace

BatchCutter::BatchCutter(const Parts& parts, std::uint64_t next, SystemTime created)
    : parts_(parts),
      clock_(parts.broker.clock()),
      created_(created),
      next_(next),
      backoff_(clock_, {parts.options.first_pause, parts.options.longest_pause}) {}

void BatchCutter::start() {
  thread_ = start_thread("batch-cutter", [this](const std::stop_token& stop) { run(stop); });
}

void BatchCutter::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<std::optional<RangeBatch>> BatchCutter::next(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  if (!changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return ready_.has_value(); })) {
    return std::optional<RangeBatch>();
  }
  Cut cut = std::move(*ready_);
  ready_.reset();
  changed_.notify_all();
  return cut;
}

bool BatchCutter::has_one() const {
  MutexLock lock(mutex_);
  return ready_.has_value();
}

BatchCutter::Seen BatchCutter::seen() const {
  MutexLock lock(mutex_);
  return seen_;
}

void BatchCutter::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Cut batch = cut(stop);
    if (stop.stop_requested()) return;
    const bool over = !batch;
    hand_over(std::move(batch), stop);
    if (over) return;
  }
}

// Waits until it is taken: what is cut before would be a third batch in memory.
void BatchCutter::hand_over(Cut cut, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  ready_.emplace(std::move(cut));
  changed_.notify_all();
  changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return !ready_.has_value(); });
}

BatchCutter::Cut BatchCutter::cut(const std::stop_token& stop) {
  BatchBuilder builder(parts_.mapping, next_);
  if (auto filled = fill(builder, stop); !filled) return filled.error();
  if (stop.stop_requested() || builder.empty()) return std::optional<RangeBatch>();
  auto checked = check(builder.finish(next_ - 1), stop);
  if (!checked) return checked.error();
  return std::optional(std::move(*checked));
}

Result<void> BatchCutter::fill(BatchBuilder& builder, const std::stop_token& stop) {
  SteadyTime until = SteadyTime::max();
  while (!stop.stop_requested() && !is_full(builder)) {
    const SteadyTime now = clock_.steady();
    if (now >= until) break;
    const Duration wait = builder.empty() ? kLook : until - now;
    const std::size_t room = parts_.options.max_rows - builder.size();
    const std::size_t bytes = parts_.options.max_bytes - builder.bytes();
    auto messages =
        left_.empty() ? read({std::min(kAtOnce, room), bytes, whole_ms(wait)}, stop) : std::exchange(left_, {});
    if (!messages) return messages.error();
    if (messages->empty() && builder.empty() && !stop.stop_requested()) {
      if (auto looked = look_while_idle(builder); !looked) return looked;
    }
    if (messages->empty()) continue;
    if (builder.empty()) until = deadline_after(clock_, parts_.options.max_wait);
    if (auto added = add(builder, std::move(*messages)); !added) return added;
  }
  return {};
}

Result<void> BatchCutter::add(BatchBuilder& builder, std::vector<StoredMessage> messages) {
  for (auto message = messages.begin(); message != messages.end(); ++message) {
    if (is_full(builder)) {
      left_.assign(std::make_move_iterator(message), std::make_move_iterator(messages.end()));
      return {};
    }
    // On its way already when it was removed, and passed over.
    if (builder.empty() && message->sequence < builder.first()) builder = {parts_.mapping, message->sequence};
    next_ = message->sequence + 1;
    if (auto added = builder.add(std::move(*message)); !added) return added;
  }
  return {};
}

bool BatchCutter::is_full(const BatchBuilder& builder) const {
  return builder.size() >= parts_.options.max_rows || builder.bytes() >= parts_.options.max_bytes;
}

Result<std::vector<StoredMessage>> BatchCutter::read(const ReadOptions& most, const std::stop_token& stop) {
  const auto failed = [&](const Error& error) -> Result<std::vector<StoredMessage>> {
    if (!is_passing(error)) return error;
    parts_.log.warn("cannot read the stream; trying again",
                    {{"stream", parts_.options.stream}, {"error", error.message()}});
    backoff_.pause(stop);
    return std::vector<StoredMessage>();
  };
  if (reader_ == nullptr) {
    auto reader = parts_.broker.open_reader(
        {.stream = parts_.options.stream, .filter = parts_.options.filter, .from_sequence = next_, .follow = true});
    if (!reader) return failed(reader.error());
    reader_ = std::move(*reader);
  }
  auto messages = reader_->read(most, stop);
  if (!messages) return failed(messages.error());
  backoff_.reset();
  return messages;
}

// Before a batch leaves, it is certain that it is of the stream that is meant, and known what is missing in it.
Result<RangeBatch> BatchCutter::check(RangeBatch batch, const std::stop_token& stop) {
  auto facts = look();
  while (!facts && is_passing(facts.error()) && backoff_.pause(stop)) facts = look();
  if (!facts) return facts.error();
  if (facts->first > batch.first) {
    const std::uint64_t end = std::min(facts->first, batch.last + 1);
    const auto had =
        std::lower_bound(batch.messages.begin(), batch.messages.end(), end,
                         [](const StoredMessage& m, std::uint64_t sequence) { return m.sequence < sequence; });
    const auto read = static_cast<std::uint64_t>(had - batch.messages.begin());
    if (end - batch.first > read) report_lost(batch.first, end - batch.first - read);
  }
  return batch;
}

// What others have stored is passed over while it is there: that it goes later is no loss.
Result<void> BatchCutter::look_while_idle(BatchBuilder& builder) {
  const auto facts = look();
  if (!facts) return is_passing(facts.error()) ? Result<void>() : facts.error();
  if (facts->first > next_) {
    report_lost(next_, facts->first - next_);
    next_ = facts->first;
  }
  if (facts->last >= next_ && has_only_others()) next_ = facts->last + 1;
  builder = BatchBuilder(parts_.mapping, next_);
  return {};
}

// A reader that follows may come back empty because it was not answered; one that does not is at the end then.
bool BatchCutter::has_only_others() {
  if (takes_all()) return false;
  const auto reader = parts_.broker.open_reader(
      {.stream = parts_.options.stream, .filter = parts_.options.filter, .from_sequence = next_, .headers_only = true});
  if (!reader) return false;
  const auto found = (*reader)->read({.max_count = 1}, {});
  return found && found->empty();
}

Result<SourceFacts> BatchCutter::look() {
  auto facts = source_facts(parts_.broker, parts_.options.stream);
  if (!facts) return facts;
  if (facts->created != created_) {
    return Error(ErrorCode::kConflict, "stream \"" + parts_.options.stream + "\" was deleted and made again");
  }
  MutexLock lock(mutex_);
  seen_.last = facts->last;
  return facts;
}

void BatchCutter::report_lost(std::uint64_t from, std::uint64_t count) {
  parts_.log.error(
      "messages were gone before they could be read",
      {{"stream", parts_.options.stream}, {"from_sequence", from}, {takes_all() ? "lost" : "lost_at_most", count}});
  MutexLock lock(mutex_);
  seen_.lost += count;
}

}  // namespace leat
