#include "broker/jetstream/lookup_reader.h"

#include <algorithm>

#include "broker/config_checks.h"
#include "broker/message_size.h"

namespace leat::jetstream {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kRanges = 64;     // requests at a time
constexpr std::size_t kFirstRange = 8;  // sequences in each of them, in the beginning
constexpr std::size_t kLargestRange = 1 << 20;
constexpr milliseconds kFollowLook{100};  // a follower at the end looks again so often

}  // namespace

LookupReader::LookupReader(Session& session, const ReaderConfig& config)
    : session_(session),
      config_(config),
      next_sequence_(std::max<std::uint64_t>(1, config.from_sequence)),
      range_size_(kFirstRange) {}

Result<std::vector<StoredMessage>> LookupReader::read(const ReadOptions& options, std::stop_token stop) {
  if (auto valid = check_read_options(options); !valid) return valid.error();
  Clock& clock = session_.clock();
  const SteadyTime deadline = deadline_after(clock, options.max_wait);
  while (ready_.empty() && !stop.stop_requested()) {
    if (next_sequence_ > last_sequence_) {
      auto more = refresh_last();
      if (!more) return more.error();
      if (!*more) {
        const SteadyTime now = clock.steady();
        if (!config_.follow || now >= deadline) break;
        sleep_for(clock, std::min<Duration>(kFollowLook, deadline - now), stop);
        continue;
      }
    }
    auto read = read_ahead(stop);
    if (!read) return read.error();
  }
  return take(options);
}

// True when there may be messages that were not read yet.
Result<bool> LookupReader::refresh_last() {
  auto info = session_.api().require("STREAM.INFO." + config_.stream, nullptr, "stream \"" + config_.stream + "\"");
  if (!info) return info.error();
  const auto& state = object_at(*info, "state");
  last_sequence_ = number_at(state, "last_seq");
  if (config_.last_sequence != 0) last_sequence_ = std::min(last_sequence_, config_.last_sequence);
  next_sequence_ = std::max(next_sequence_, number_at(state, "first_seq"));
  return next_sequence_ <= last_sequence_ && number_at(state, "messages") > 0;
}

// Reads the next ranges; true when something was found.
Result<bool> LookupReader::read_ahead(const std::stop_token& stop) {
  std::vector<Range> ranges;
  for (std::uint64_t at = next_sequence_; at <= last_sequence_ && ranges.size() < kRanges; at += range_size_) {
    ranges.push_back({.next = at, .end = std::min(at + range_size_, last_sequence_ + 1)});
  }
  if (auto walked = walk(ranges, stop); !walked) return walked.error();
  if (stop.stop_requested()) return false;
  keep(ranges);
  return !ready_.empty();
}

// One request per unfinished range and round. A range ends at the first message beyond it.
Result<void> LookupReader::walk(std::vector<Range>& ranges, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<Range*> open;
    std::vector<std::string> bodies;
    for (Range& range : ranges) {
      if (range.next >= range.end) continue;
      open.push_back(&range);
      bodies.push_back(next_by_subject(range.next, config_.filter));
    }
    if (open.empty()) return {};
    auto answers = look_up(session_, config_.stream, bodies);
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (!answers[i]) return answers[i].error();
      Found& found = *answers[i];
      if (!found || found->message.sequence >= open[i]->end) {
        open[i]->next = open[i]->end;
        continue;
      }
      open[i]->next = found->message.sequence + 1;
      open[i]->found.push_back(std::move(found->message));
    }
  }
  return {};
}

void LookupReader::keep(std::vector<Range>& ranges) {
  std::size_t count = 0;
  for (Range& range : ranges) {
    count += range.found.size();
    for (StoredMessage& message : range.found) {
      if (config_.from_time && message.time < *config_.from_time) continue;
      if (config_.headers_only) message.payload.clear();
      ready_.push_back(std::move(message));
    }
  }
  if (!ranges.empty()) next_sequence_ = ranges.back().end;
  // Few found: larger ranges cross the gaps; many found: smaller ones share the work better.
  if (count < ranges.size()) range_size_ = std::min(range_size_ * 4, kLargestRange);
  if (count > ranges.size() * kFirstRange) range_size_ = std::max(range_size_ / 2, kFirstRange);
}

std::vector<StoredMessage> LookupReader::take(const ReadOptions& options) {
  std::vector<StoredMessage> taken;
  for (std::size_t bytes = 0; !ready_.empty() && taken.size() < options.max_count && bytes < options.max_bytes;) {
    bytes += size_of(ready_.front());
    taken.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  return taken;
}

}  // namespace leat::jetstream
