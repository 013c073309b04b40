#include <deque>
#include <stdexcept>
#include <unordered_map>

#include "core/mutex.h"
#include "leat/router_middleware.h"

namespace leat {
namespace {

constexpr Duration kTwinPause = std::chrono::milliseconds(100);

// Thread-safe.
class KnownIds {
 public:
  enum class State { kNew, kUnderWay, kDone };

  KnownIds(DropDuplicates options, Clock& clock) : options_(std::move(options)), clock_(clock) {}

  std::string id_of(const MessageContext& message) const {
    if (options_.id) return options_.id(message);
    return message.message().stream() + "." + std::to_string(message.message().sequence());
  }
  // A new id is under way from now on.
  State begin(const std::string& id) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    forget_old();
    const auto [known, is_new] = ids_.try_emplace(id, State::kUnderWay);
    return is_new ? State::kNew : known->second;
  }
  void done(const std::string& id) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ids_[id] = State::kDone;
    in_order_.push_back({clock_.steady(), id});
    forget_old();
  }
  void failed(const std::string& id) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ids_.erase(id);
  }

 private:
  struct Done {
    SteadyTime since;
    std::string id;
  };

  void forget_old() LEAT_REQUIRES(mutex_) {
    const SteadyTime now = clock_.steady();
    while (!in_order_.empty() &&
           (now - in_order_.front().since >= options_.window || in_order_.size() > options_.most)) {
      ids_.erase(in_order_.front().id);
      in_order_.pop_front();
    }
  }

  const DropDuplicates options_;
  Clock& clock_;
  Mutex mutex_;
  std::unordered_map<std::string, State> ids_ LEAT_GUARDED_BY(mutex_);
  std::deque<Done> in_order_ LEAT_GUARDED_BY(mutex_);  // those that are done
};

// A call that throws has failed.
class UnderWay {
 public:
  UnderWay(KnownIds& ids, const std::string& id) : ids_(ids), id_(id) {}
  ~UnderWay() { done_ ? ids_.done(id_) : ids_.failed(id_); }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  void is_done() { done_ = true; }

 private:
  KnownIds& ids_;
  const std::string& id_;
  bool done_ = false;
};

}  // namespace

MessageMiddleware drop_duplicates(DropDuplicates options, Clock& clock) {
  if (options.window <= Duration{0}) throw std::invalid_argument("drop_duplicates: window is more than 0");
  if (options.most == 0) throw std::invalid_argument("drop_duplicates: most is 1 or more");
  auto ids = std::make_shared<KnownIds>(std::move(options), clock);
  return [ids](MessageContext& message, const MessageHandler& next) {
    const std::string id = ids->id_of(message);
    if (id.empty()) return next(message);
    switch (ids->begin(id)) {
      case KnownIds::State::kDone: return Outcome::done();
      case KnownIds::State::kUnderWay: return Outcome::snooze(kTwinPause);
      case KnownIds::State::kNew: break;
    }
    UnderWay under_way(*ids, id);
    Outcome outcome = next(message);
    if (outcome.kind() == Outcome::Kind::kDone) under_way.is_done();
    return outcome;
  };
}

}  // namespace leat
