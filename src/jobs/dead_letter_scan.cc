#include "jobs/dead_letter_scan.h"

#include <algorithm>

#include "jobs/dead_letter_message.h"

namespace leat {
namespace {

// Well within the time in which a broker recognises a second retry of the same letter.
constexpr Duration kFresh = std::chrono::seconds(20);

SystemTime ago(SystemTime now, std::optional<Duration> age, SystemTime otherwise) {
  if (!age) return otherwise;
  return *age > now.time_since_epoch() ? SystemTime{} : now - *age;
}

}  // namespace

Result<void> DeadLetterScan::check(const DeadLetterFilter& filter) {
  const auto refused = [](const std::string& what) { return Error(ErrorCode::kInvalidArgument, what); };
  if (filter.queue) {
    if (auto named = check_queue_name(*filter.queue); !named) return named;
  }
  if (filter.limit == std::size_t{0}) return refused("limit is 0; ask for 1 or more dead letters");
  for (const auto& age : {filter.older_than, filter.younger_than}) {
    if (age && *age < Duration{0}) return refused("an age of dead letters is less than 0");
  }
  return {};
}

DeadLetterScan::DeadLetterScan(Broker& broker, const Names& names, DeadLetterFilter filter)
    : broker_(broker),
      names_(names),
      filter_(std::move(filter)),
      died_before_(ago(broker.clock().now(), filter_.older_than, SystemTime::max())),
      died_after_(ago(broker.clock().now(), filter_.younger_than, SystemTime::min())),
      selective_(filter_.kind || filter_.reason || filter_.error || filter_.older_than || filter_.younger_than),
      next_number_(filter_.after == UINT64_MAX ? UINT64_MAX : filter_.after + 1),
      left_(filter_.limit.value_or(SIZE_MAX)) {}

Result<std::vector<StoredMessage>> DeadLetterScan::next(std::size_t max_count, const std::stop_token& stop) {
  std::vector<StoredMessage> found;
  if (end_ == 0 && !over_) {
    if (auto known = find_end(); !known) return known.error();
  }
  while (found.size() < max_count && left_ > 0 && !over_ && !stop.stop_requested()) {
    if (reader_ != nullptr && broker_.clock().steady() - opened_ > kFresh) {
      reader_.reset();
      waiting_.clear();
    }
    if (waiting_.empty()) {
      const auto filled = fill(std::min(max_count - found.size(), left_), stop);
      if (!filled && found.empty()) return filled.error();
      if (waiting_.empty()) break;
    }
    StoredMessage message = std::move(waiting_.front());
    waiting_.pop_front();
    over_ = message.sequence >= end_;
    if (message.sequence > end_) break;
    next_number_ = message.sequence + 1;
    if (!selects(message)) continue;
    found.push_back(std::move(message));
    --left_;
  }
  return found;
}

Result<void> DeadLetterScan::find_end() {
  const auto facts = broker_.admin().stream(names_.dead_stream());
  if (!facts && facts.error().code() != ErrorCode::kNotFound) return facts.error();
  if (facts) end_ = std::min(facts->last_sequence, filter_.up_to.value_or(UINT64_MAX));
  over_ = end_ < next_number_;  // also when nobody has died yet
  return {};
}

Result<void> DeadLetterScan::fill(std::size_t max_count, const std::stop_token& stop) {
  if (reader_ == nullptr) {
    ReaderConfig config{.stream = names_.dead_stream(),
                        .filter = filter_.queue ? names_.dead_queue_filter(*filter_.queue) : names_.dead_filter(),
                        .from_sequence = next_number_,
                        .headers_only = filter_.payloads == DeadLetterFilter::Payloads::kLeaveOut};
    if (filter_.younger_than) config.from_time = died_after_;  // nothing is stored before it died
    auto opened = broker_.open_reader(config);
    if (!opened) return opened.error();
    reader_ = std::move(*opened);
    opened_ = broker_.clock().steady();
  }
  auto messages =
      reader_->read({.max_count = selective_ ? kDeadLetterBatch : std::min(max_count, kDeadLetterBatch)}, stop);
  if (!messages) return messages.error();
  std::move(messages->begin(), messages->end(), std::back_inserter(waiting_));
  return {};
}

bool DeadLetterScan::selects(const StoredMessage& message) const {
  if (filter_.kind && header_of(message, wire::kKind) != *filter_.kind) return false;
  if (filter_.reason && header_of(message, wire::kDeadReason) != *filter_.reason) return false;
  if (filter_.error && header_of(message, wire::kDeadError).find(*filter_.error) == std::string_view::npos)
    return false;
  if (!filter_.older_than && !filter_.younger_than) return true;
  const SystemTime died = time_of_death(message);
  return died < died_before_ && died >= died_after_;
}

}  // namespace leat
