#include "leat/batch_consumer.h"

#include "broker/config_checks.h"
#include "broker/drift_report.h"
#include "core/invalid_argument.h"
#include "core/spread.h"
#include "core/thrown.h"
#include "pipeline/batch_collector.h"
#include "pipeline/batch_settler.h"

namespace leat {
namespace {

constexpr std::size_t kMostMessages = 10'000;

ConsumerConfig subscription_of(const BatchConsumerOptions& options) {
  const auto sequence = options.start.from_sequence();
  const auto time = options.start.from_time();
  const bool from_end = !sequence && !time;
  return {.stream = options.stream,
          .name = options.name,
          .filter = options.filter,
          .ack_wait = options.ack_wait,
          .start = from_end ? ConsumerConfig::Start::kEnd : ConsumerConfig::Start::kBeginning,
          .start_sequence = sequence && *sequence > 1 ? *sequence : 0,
          .start_time = time};
}

Result<void> check(const BatchConsumerOptions& options) {
  if (options.max_count < 1 || options.max_count > kMostMessages) return invalid_argument("max_count is 1 to 10,000");
  if (options.max_bytes < 1) return invalid_argument("max_bytes is 1 or more");
  if (options.max_wait < Duration{0}) return invalid_argument("max_wait is 0 or more");
  if (auto checked = check_replicas(options.replicas); !checked) return checked;
  if (!options.dead_stream.empty() && options.dead_stream == options.stream)
    return invalid_argument("dead_stream is the stream itself: dead letters would come to the consumer again");
  if (auto checked = options.backoff.check(); !checked) return checked.error().with_context("backoff");
  return check_consumer_config(subscription_of(options));
}

}  // namespace

// The part of a run that the caller's thread does: each batch until the processor is content with it.
class BatchProcessing {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    const BatchConsumerOptions& options;
    const BatchConsumer::Processor& processor;
    BatchLeaseKeeper& leases;
    BatchTally& tally;
    std::stop_token stop;
  };

  explicit BatchProcessing(Parts parts) : parts_(std::move(parts)) {}

  // When this returns every message has its ruling.
  void process(CollectedBatch& batch) {
    batch.stop = parts_.stop;
    for (batch.attempt = 1;; ++batch.attempt) {
      drop_lost(batch);
      if (batch.empty()) return;
      batch.clear_rulings();
      Batch view(batch);
      const auto processed = result_of([&] { return parts_.processor(view); });
      if (processed) {
        ++parts_.tally.batches;
        return;
      }
      report(processed.error(), batch);
      const Duration pause =
          parts_.options.backoff.delay(batch.attempt, spread(batch.messages.front().sequence, batch.attempt));
      if (sleep_for(parts_.clock, pause, parts_.stop)) continue;
      batch.give_back();
      return;
    }
  }

 private:
  // They come again, here or elsewhere.
  void drop_lost(CollectedBatch& batch) {
    const auto leases = batch.leases();
    const auto lost = parts_.leases.lost(leases);
    std::vector<Lease> gone;
    for (std::size_t i = 0; i < leases.size(); ++i) {
      if (lost[i]) gone.push_back(leases[i]);
    }
    if (gone.empty()) return;
    parts_.tally.lost += gone.size();
    parts_.leases.let_go(gone);
    batch.drop(lost);
  }

  void report(const Error& error, const CollectedBatch& batch) {
    ++parts_.tally.failures;
    parts_.log.warn("processing a batch failed; it is processed again", {{"subscription", parts_.options.name},
                                                                         {"messages", batch.messages.size()},
                                                                         {"attempt", batch.attempt},
                                                                         {"error", error.message()}});
    if (parts_.options.on_trouble) parts_.options.on_trouble(error.with_context("processing"));
  }

  Parts parts_;
};

// The composition root. Everything but counts and options is of one run().
class BatchConsumer::Crew {
 public:
  Crew(Broker& broker, BatchConsumerOptions options, Processor processor)
      : broker_(broker),
        options_(std::move(options)),
        processor_(std::move(processor)),
        log_(options_.log != nullptr ? *options_.log : no_log()) {}

  Result<void> run(const std::stop_token& stop);
  const BatchTally& tally() const { return tally_; }

 private:
  Result<void> work(Consumer& consumer, DeadLetterStore& dead_letters, const std::stop_token& stop);

  Broker& broker_;
  const BatchConsumerOptions options_;
  const Processor processor_;
  Log& log_;
  BatchTally tally_;
};

Result<void> BatchConsumer::Crew::run(const std::stop_token& stop) {
  if (auto checked = check(options_); !checked) return checked;
  auto consumer = broker_.open_consumer(subscription_of(options_));
  if (!consumer) return consumer.error();
  report_drift(drift_log(options_.log), "subscription", options_.stream + "/" + options_.name, (*consumer)->drift());
  DeadLetterStore dead_letters(broker_, options_);
  if (auto opened = dead_letters.open(); !opened) return opened;
  return work(**consumer, dead_letters, stop);
}

Result<void> BatchConsumer::Crew::work(Consumer& consumer, DeadLetterStore& dead_letters, const std::stop_token& stop) {
  Clock& clock = broker_.clock();
  Handover full;
  Handover processed;
  std::stop_source ending;  // asked for from outside, or because no message comes any more
  const std::stop_callback on_ending(ending.get_token(), [&full] { full.close(); });
  const std::stop_callback on_stop(stop, [&ending] { ending.request_stop(); });
  BatchLeaseKeeper leases(clock, log_, consumer);
  BatchCollector collector({clock, log_, options_, consumer, leases, full, ending});
  BatchSettler settler({clock, log_, options_, consumer, leases, dead_letters, processed, tally_, ending.get_token()});
  BatchProcessing processing({clock, log_, options_, processor_, leases, tally_, ending.get_token()});
  leases.start();
  settler.start();
  collector.start();
  std::unique_ptr<CollectedBatch> last;
  while (last == nullptr) {
    auto batch = full.take();
    if (batch == nullptr) break;
    processing.process(*batch);
    if (ending.stop_requested())
      last = std::move(batch);
    else
      processed.give(batch);
  }
  // What is given back while this consumer still asks for messages would come to it again.
  const auto failed = collector.join();
  if (last != nullptr) processed.give(last);
  auto leftover = collector.leftover();
  leftover->give_back();
  processed.give(leftover);
  processed.close();
  settler.join();
  leases.stop();
  return failed ? Result<void>(*failed) : Result<void>();
}

BatchConsumer::BatchConsumer(Broker& broker, BatchConsumerOptions options, Processor processor)
    : crew_(std::make_unique<Crew>(broker, std::move(options), std::move(processor))) {}
BatchConsumer::~BatchConsumer() = default;

Result<void> BatchConsumer::run(std::stop_token stop) {
  return crew_->run(stop);
}

BatchCounts BatchConsumer::counts() const {
  const BatchTally& tally = crew_->tally();
  return {.batches = tally.batches,
          .failures = tally.failures,
          .done = tally.done,
          .retried = tally.retried,
          .dead = tally.dead,
          .lost = tally.lost};
}

}  // namespace leat
