#include "broker/jetstream/settle_pace.h"

#include <algorithm>

namespace leat::jetstream {
namespace {

constexpr std::uint64_t kAskAfter = 500;
constexpr std::uint64_t kMostOnTheWay = 4000;
constexpr std::chrono::milliseconds kPatience{1000};  // answers get lost, too

}  // namespace

SettlePace::SettlePace(Session& session, std::function<void()> on_progress)
    : clock_(session.clock()),
      on_progress_(std::move(on_progress)),
      ticket_(session.replies_of(session.bulk()).add(*this)) {}

std::string SettlePace::sending(std::size_t count) {
  MutexLock lock(mutex_);
  sent_ += count;
  if (sent_ - asked_ < kAskAfter) return {};
  if (asked_ == answered_) heard_ = clock_.steady();
  asked_ = sent_;
  return ticket_.prefix() + std::to_string(asked_);
}

bool SettlePace::is_behind() {
  MutexLock lock(mutex_);
  if (asked_ - answered_ == 0 || sent_ - answered_ <= kMostOnTheWay) return false;
  if (clock_.steady() < heard_ + kPatience) return true;
  answered_ = asked_;
  return false;
}

void SettlePace::forget() {
  MutexLock lock(mutex_);
  answered_ = asked_ = sent_;
}

void SettlePace::on_reply(std::size_t index, nats::Received) {
  {
    MutexLock lock(mutex_);
    if (index <= answered_ || index > sent_) return;
    answered_ = index;
    heard_ = clock_.steady();
  }
  on_progress_();
}

}  // namespace leat::jetstream
