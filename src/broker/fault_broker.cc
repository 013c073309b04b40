#include "broker/fault_broker.h"

#include <utility>

#include "broker/decorated_broker.h"

namespace leat {

void Faults::before(Operation operation, Hook hook) {
  MutexLock lock(mutex_);
  scripts_[static_cast<std::size_t>(operation)].hook = std::make_shared<const Hook>(std::move(hook));
}

void Faults::next(Operation operation, const Fault& fault, std::size_t calls) {
  MutexLock lock(mutex_);
  auto& next = scripts_[static_cast<std::size_t>(operation)].next;
  next.insert(next.end(), calls, fault);
}

void Faults::clear() {
  MutexLock lock(mutex_);
  for (Script& script : scripts_) {
    script.next.clear();
    script.hook.reset();
  }
}

void Faults::release() {
  MutexLock lock(mutex_);
  ++releases_;
  changed_.notify_all();
}

bool Faults::wait_frozen(std::size_t count, std::chrono::milliseconds deadline) {
  const SteadyTime until = deadline_after(real_clock(), deadline);
  MutexLock lock(mutex_);
  while (frozen_ < count && real_clock().steady() < until) real_clock().wait_until(changed_, mutex_, until, {});
  return frozen_ >= count;
}

std::uint64_t Faults::calls(Operation operation) const {
  MutexLock lock(mutex_);
  return scripts_[static_cast<std::size_t>(operation)].calls;
}

std::optional<Fault> Faults::scripted(Operation operation, Call& call, std::shared_ptr<const Hook>& hook) {
  MutexLock lock(mutex_);
  Script& script = scripts_[static_cast<std::size_t>(operation)];
  call.number = ++script.calls;
  hook = script.hook;
  if (script.next.empty()) return std::nullopt;
  Fault fault = std::move(script.next.front());
  script.next.pop_front();
  return fault;
}

Fault Faults::begin(Operation operation, std::size_t items) {
  Call call{.operation = operation, .items = items};
  std::shared_ptr<const Hook> hook;
  const std::uint64_t releases_before = releases();
  auto fault = scripted(operation, call, hook);
  if (!fault) fault = hook != nullptr ? (*hook)(call) : Fault::none();
  fault->releases_before = releases_before;
  return *std::move(fault);
}

std::uint64_t Faults::releases() const {
  MutexLock lock(mutex_);
  return releases_;
}

void Faults::stay_frozen(const Fault& fault, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  ++frozen_;
  changed_.notify_all();
  changed_.wait(mutex_, stop, [&]() LEAT_REQUIRES(mutex_) { return releases_ != fault.releases_before; });
  --frozen_;
}

namespace {

template <class R>
struct Failing;
template <class T>
struct Failing<Result<T>> {
  static Result<T> all(std::size_t /*items*/, const Error& error) { return error; }
};
template <class T>
struct Failing<std::vector<Result<T>>> {
  static std::vector<Result<T>> all(std::size_t items, const Error& error) {
    return std::vector<Result<T>>(items, Result<T>(error));
  }
};

class FaultPolicy {
 public:
  FaultPolicy(Faults& faults, Clock& clock) : faults_(&faults), clock_(&clock) {}

  template <class R, class AskInner>
  R around(Operation operation, std::size_t items, const std::stop_token& stop, AskInner ask_inner) {
    const Fault fault = faults_->begin(operation, items);
    switch (fault.kind) {
      case Fault::Kind::kNone: break;
      case Fault::Kind::kFail: return Failing<R>::all(items, fault.error);
      case Fault::Kind::kLoseAnswer: {
        [[maybe_unused]] const R lost = ask_inner();
        return Failing<R>::all(items, fault.error);
      }
      case Fault::Kind::kDuplicate: {
        R first = ask_inner();
        [[maybe_unused]] const R second = ask_inner();
        return first;
      }
      case Fault::Kind::kDelay: sleep_for(*clock_, fault.delay, stop); break;
      case Fault::Kind::kFreeze: faults_->stay_frozen(fault, stop); break;
    }
    return ask_inner();
  }

 private:
  Faults* faults_;
  Clock* clock_;
};

}  // namespace

std::unique_ptr<Broker> make_fault_broker(std::unique_ptr<Broker> inner, Faults& faults) {
  Capabilities capabilities = inner->capabilities();
  capabilities.answers_get_lost = true;
  FaultPolicy policy(faults, inner->clock());
  return std::make_unique<DecoratedBroker<FaultPolicy>>(std::move(inner), policy, std::move(capabilities));
}

}  // namespace leat
