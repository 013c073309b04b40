#include "broker/leader_lock.h"

#include <nlohmann/json.hpp>

#include "core/ulid.h"

namespace leat {
namespace {

std::string record_of(const std::string& holder, SystemTime now) {
  const nlohmann::json record{{"version", 1}, {"holder", holder}, {"id", make_ulid(now)}};
  return record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Empty when the record does not say it.
std::string holder_in(const std::string& record) {
  const auto read = nlohmann::json::parse(record, nullptr, false);
  return read.is_object() && read.contains("holder") && read["holder"].is_string() ? read["holder"] : "";
}

}  // namespace

LeaderLock::LeaderLock(Parts parts) : parts_(std::move(parts)), value_(record_of(parts_.holder, parts_.clock.now())) {}

void LeaderLock::start() {
  thread_ = start_thread("leader-lock", [this](const std::stop_token& stop) { run(stop); });
}

void LeaderLock::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::stop_token LeaderLock::wait_until_held(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  if (!changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return held_; })) return {};
  return lost_.get_token();
}

bool LeaderLock::is_held() const {
  MutexLock lock(mutex_);
  return held_ && parts_.clock.steady() < held_until_;
}

void LeaderLock::run(const std::stop_token& stop) {
  const Duration pause = parts_.ttl / 3;
  while (!stop.stop_requested()) {
    bool held = false;
    {
      MutexLock lock(mutex_);
      held = held_;
    }
    if (held) {
      sleep_for(parts_.clock, pause, stop);
      if (!stop.stop_requested()) renew();
    } else if (const auto challenged = challenge(stop); !challenged) {
      parts_.log.warn("cannot see who leads; trying again",
                      {{"role", parts_.role}, {"error", challenged.error().message()}});
      watch_.reset();
      sleep_for(parts_.clock, pause, stop);
    }
  }
  release();
  watch_.reset();
}

// Looks who leads, and takes what nobody holds or has let lie for the whole time to live.
Result<void> LeaderLock::challenge(const std::stop_token& stop) {
  const Duration patience = seen_ == 0 ? Duration{0} : seen_at_ + parts_.ttl - parts_.clock.steady();
  const auto wait = std::max(std::chrono::ceil<std::chrono::milliseconds>(patience), std::chrono::milliseconds(0));
  if (auto looked = look(wait, stop); !looked) return looked;
  if (stop.stop_requested()) return {};
  if (seen_ == 0 || parts_.clock.steady() >= seen_at_ + parts_.ttl) return take();
  tell_standing_by();
  return {};
}

Result<void> LeaderLock::look(std::chrono::milliseconds max_wait, const std::stop_token& stop) {
  const bool is_first = watch_ == nullptr;
  if (is_first) {
    auto watch = parts_.records.watch(parts_.role);
    if (!watch) return watch.error();
    watch_ = std::move(*watch);
    seen_ = 0;
  }
  do {
    const auto entries =
        watch_->next(watch_->caught_up() ? max_wait : std::chrono::ceil<std::chrono::milliseconds>(parts_.ttl), stop);
    if (!entries) return entries.error();
    for (const KeyEntry& entry : *entries) {
      if (entry.key != parts_.role) continue;
      seen_ = entry.erased ? 0 : entry.revision;
      seen_holder_ = holder_in(entry.value);
      seen_at_ = parts_.clock.steady();
    }
  } while (!watch_->caught_up() && !stop.stop_requested());
  if (is_first) found_ = seen_;
  return {};
}

void LeaderLock::tell_standing_by() {
  if (seen_ == found_ || std::exchange(stands_by_, true)) return;
  parts_.log.info("stands by: another one leads", {{"role", parts_.role}, {"holder", seen_holder_}});
}

Result<void> LeaderLock::take() {
  const SteadyTime asked_at = parts_.clock.steady();
  const auto taken =
      seen_ == 0 ? parts_.records.create(parts_.role, value_) : parts_.records.update(parts_.role, value_, seen_);
  if (taken) {
    hold(*taken, asked_at);
    return {};
  }
  const auto there = parts_.records.get(parts_.role);
  if (!there) return there.error();
  if (*there && (*there)->value == value_ && (*there)->revision > seen_) {  // only the answer was lost
    hold((*there)->revision, asked_at);
    return {};
  }
  if (taken.error().code() != ErrorCode::kConflict) return taken.error();
  // Somebody was faster: what is there now tells, and its time begins anew.
  seen_ = *there ? (*there)->revision : 0;
  seen_at_ = parts_.clock.steady();
  return {};
}

void LeaderLock::hold(std::uint64_t revision, SteadyTime asked_at) {
  revision_ = revision;
  stands_by_ = false;
  MutexLock lock(mutex_);
  held_until_ = asked_at + parts_.ttl;
  if (std::exchange(held_, true)) return;
  lost_ = std::stop_source();
  changed_.notify_all();
  parts_.log.info("leads", {{"role", parts_.role}, {"holder", parts_.holder}});
}

void LeaderLock::renew() {
  const SteadyTime asked_at = parts_.clock.steady();
  const auto renewed = parts_.records.update(parts_.role, value_, revision_);
  if (renewed) return hold(*renewed, asked_at);
  const auto there = parts_.records.get(parts_.role);
  const bool ours = there && *there && (*there)->value == value_;
  if (there && !ours) return lose("another one has taken it");
  // Renewed now, or by an earlier try whose answer was lost, or not at all: no time is won.
  if (ours) revision_ = (*there)->revision;
  SteadyTime held_until{};
  {
    MutexLock lock(mutex_);
    held_until = held_until_;
  }
  if (parts_.clock.steady() >= held_until) lose("it could not be renewed: " + renewed.error().message());
}

void LeaderLock::lose(std::string_view why) {
  std::stop_source lost{std::nostopstate};
  {
    MutexLock lock(mutex_);
    held_ = false;
    lost = lost_;
  }
  watch_.reset();
  parts_.log.warn("leads no more", {{"role", parts_.role}, {"holder", parts_.holder}, {"why", why}});
  lost.request_stop();
}

void LeaderLock::release() {
  std::stop_source lost{std::nostopstate};
  {
    MutexLock lock(mutex_);
    if (!std::exchange(held_, false)) return;
    lost = lost_;
  }
  lost.request_stop();
  if (const auto erased = parts_.records.erase(parts_.role, revision_); !erased) {
    parts_.log.debug("could not give the role up; it ends by itself", {{"role", parts_.role}});
  }
}

}  // namespace leat
