#include "pipeline/clickhouse/sample_envelopes.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/mutex.h"
#include "leat/processed_envelope.pb.h"
#include "pipeline/clickhouse/backoff.h"

namespace leat {
namespace {

// Numbers that look random, from a seed and a counter. (The distributions of the standard library differ between
// libraries; these envelopes must not.)
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t below(std::uint64_t end) { return next() % end; }
  // From `least` on, in steps of a hundredth.
  double hundredths(double least, std::uint64_t steps) { return least + static_cast<double>(below(steps)) / 100; }

 private:
  // SplitMix64.
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

void fill_data(Dice& dice, google::protobuf::Struct& data) {
  constexpr const char* kStates[] = {"ok", "low battery", "moved"};
  auto& fields = *data.mutable_fields();
  fields["temperature"].set_number_value(dice.hundredths(-10, 4500));
  fields["humidity"].set_number_value(static_cast<double>(dice.below(101)));
  fields["charging"].set_bool_value(dice.below(2) == 1);
  fields["state"].set_string_value(kStates[dice.below(3)]);
  auto& position = *fields["position"].mutable_struct_value()->mutable_fields();
  position["latitude"].set_number_value(dice.hundredths(47, 800));
  position["longitude"].set_number_value(dice.hundredths(6, 900));
  auto& signal = *fields["signal"].mutable_list_value();
  for (int i = 0; i < 3; ++i) signal.add_values()->set_number_value(-static_cast<double>(dice.below(120)));
}

void set_time(SystemTime time, google::protobuf::Timestamp& out) {
  out = google::protobuf::util::TimeUtil::NanosecondsToTimestamp(time.time_since_epoch().count());
}

Error refused_sample(const std::string& what) {
  return {ErrorCode::kInvalidArgument, "sample envelopes: " + what};
}

}  // namespace

Result<SampleEnvelopes> SampleEnvelopes::open(SampleEnvelopeOptions options) {
  constexpr std::uint32_t kMost = 1'000'000;
  if (options.devices < 1 || options.devices > kMost) return refused_sample("devices are 1 to 1'000'000");
  if (options.organizations < 1 || options.organizations > kMost)
    return refused_sample("organizations are 1 to 1'000'000");
  if (options.batch < 1 || options.batch > 10'000) return refused_sample("a batch is 1 to 10'000");
  if (!(options.rate >= 0 && options.rate <= 1e9)) return refused_sample("a rate is 0 to 1e9 a second");
  if (auto checked = check_subject(options.subject); !checked) return checked.error().with_context("sample envelopes");
  return SampleEnvelopes(std::move(options));
}

Duration SampleEnvelopes::after_begin(std::uint64_t number) const {
  if (options_.rate == 0) return std::chrono::milliseconds(number);
  return Duration(static_cast<Duration::rep>(static_cast<double>(number) / options_.rate * 1e9));
}

AppendRequest SampleEnvelopes::make(std::uint64_t number) const {
  Dice dice(options_.seed * 0x2545f4914f6cdd1d + number);
  const std::uint64_t device = dice.below(options_.devices);
  const SystemTime occurred = options_.begin + after_begin(number);
  ProcessedEnvelope envelope;
  envelope.set_end_device_id("device-" + std::to_string(device));
  envelope.set_organization_id("organization-" + std::to_string(device % options_.organizations));
  set_time(occurred, *envelope.mutable_occurred_at());
  set_time(occurred + std::chrono::milliseconds(dice.below(1000)), *envelope.mutable_processed_at());
  fill_data(dice, *envelope.mutable_data());
  AppendRequest request;
  request.message.subject = options_.subject + "." + envelope.end_device_id();
  request.message.payload = envelope.SerializeAsString();
  request.message_id = "sample." + std::to_string(options_.seed) + "." +
                       std::to_string(options_.begin.time_since_epoch().count()) + "." + std::to_string(number);
  return request;
}

// At a low rate a full batch would be a long silence: there are ten in a second then.
std::size_t SampleEnvelopes::batch_size() const {
  if (options_.rate == 0) return options_.batch;
  return std::clamp<std::size_t>(static_cast<std::size_t>(options_.rate / 10), 1, options_.batch);
}

Result<void> SampleEnvelopes::append_batch(Broker& broker, std::uint64_t begin, std::uint64_t end) const {
  std::vector<AppendRequest> requests;
  requests.reserve(end - begin);
  for (std::uint64_t number = begin; number < end; ++number) requests.push_back(make(number));
  for (const auto& appended : broker.append(options_.stream, requests)) {
    if (!appended) return appended.error();
  }
  return {};
}

// Once, whatever becomes of an answer: the broker knows their ids.
Result<void> SampleEnvelopes::append_surely(Broker& broker, std::uint64_t begin, std::uint64_t end,
                                            const std::stop_token& stop) const {
  Backoff backoff(broker.clock(), {std::chrono::milliseconds(100), std::chrono::seconds(5)});
  while (true) {
    auto appended = append_batch(broker, begin, end);
    if (appended || !is_passing(appended.error()) || !backoff.pause(stop)) return appended;
  }
}

Result<std::uint64_t> SampleEnvelopes::append_all(Broker& broker, std::stop_token stop) const {
  Clock& clock = broker.clock();
  const SteadyTime begin = clock.steady();
  std::uint64_t number = 0;
  while (!stop.stop_requested() && (options_.count == 0 || number < options_.count)) {
    const Duration due = options_.rate == 0 ? Duration::zero() : after_begin(number);
    const Duration early = due - (clock.steady() - begin);
    if (early > Duration::zero() && !sleep_for(clock, early, stop)) break;
    const std::uint64_t left = options_.count == 0 ? batch_size() : options_.count - number;
    const std::uint64_t end = number + std::min<std::uint64_t>(batch_size(), left);
    if (auto appended = append_surely(broker, number, end, stop); !appended) {
      if (stop.stop_requested()) break;
      return appended.error();
    }
    number = end;
  }
  return number;
}

}  // namespace leat
