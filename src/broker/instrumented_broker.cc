#include "broker/instrumented_broker.h"

#include <array>
#include <string>

#include "broker/decorated_broker.h"

namespace leat {
namespace {

// The metrics of one broker, looked up once; errors are looked up when they happen.
class BrokerMeter {
 public:
  BrokerMeter(std::string broker, Metrics& metrics, Clock& clock)
      : broker_(std::move(broker)), metrics_(metrics), clock_(clock) {
    for (std::size_t i = 0; i < kOperations; ++i) operations_[i] = look_up(static_cast<Operation>(i));
  }

  SteadyTime begin() const { return clock_.steady(); }

  void end(Operation operation, std::size_t items, SteadyTime begun) {
    const PerOperation& of = operations_[static_cast<std::size_t>(operation)];
    of.calls->add();
    of.items->add(items);
    of.seconds->observe(clock_.steady() - begun);
  }

  void count_error(Operation operation, const Error& error) {
    metrics_
        .counter("leat_broker_errors_total", "Failed calls to a broker, and failed items of batches",
                 {{"broker", broker_},
                  {"operation", std::string(to_string(operation))},
                  {"code", std::string(leat::to_string(error.code()))}})
        .add();
  }

 private:
  struct PerOperation {
    Counter* calls = nullptr;
    Counter* items = nullptr;
    Histogram* seconds = nullptr;
  };

  PerOperation look_up(Operation operation) {
    const Labels labels{{"broker", broker_}, {"operation", std::string(to_string(operation))}};
    return {.calls = &metrics_.counter("leat_broker_calls_total", "Calls to a broker; a batch is one", labels),
            .items = &metrics_.counter("leat_broker_items_total", "Items in the calls to a broker", labels),
            .seconds = &metrics_.histogram("leat_broker_seconds", "How long calls to a broker took", labels)};
  }

  const std::string broker_;
  Metrics& metrics_;
  Clock& clock_;
  std::array<PerOperation, kOperations> operations_;
};

template <class T>
std::size_t received(const Result<std::vector<T>>& result, std::size_t /*asked*/) {
  return result ? result->size() : 0;
}
template <class Other>
std::size_t received(const Other& /*result*/, std::size_t asked) {
  return asked;
}

class MeterPolicy {
 public:
  explicit MeterPolicy(std::shared_ptr<BrokerMeter> meter) : meter_(std::move(meter)) {}

  template <class R, class Call>
  R around(Operation operation, std::size_t items, const std::stop_token& /*stop*/, Call call) {
    const SteadyTime begun = meter_->begin();
    R result = call();
    meter_->end(operation, received(result, items), begun);
    count_errors(operation, result);
    return result;
  }

 private:
  template <class T>
  void count_errors(Operation operation, const Result<T>& result) {
    if (!result) meter_->count_error(operation, result.error());
  }
  template <class T>
  void count_errors(Operation operation, const std::vector<Result<T>>& results) {
    for (const Result<T>& result : results) count_errors(operation, result);
  }

  std::shared_ptr<BrokerMeter> meter_;
};

}  // namespace

std::unique_ptr<Broker> make_instrumented_broker(std::unique_ptr<Broker> inner, Metrics& metrics) {
  Capabilities capabilities = inner->capabilities();
  MeterPolicy policy(std::make_shared<BrokerMeter>(capabilities.name, metrics, inner->clock()));
  return std::make_unique<DecoratedBroker<MeterPolicy>>(std::move(inner), std::move(policy), std::move(capabilities));
}

}  // namespace leat
