#include "pipeline/batch_settler.h"

#include "core/spread.h"

namespace leat {
namespace {

constexpr Duration kSettlePause = std::chrono::milliseconds(200);  // before a failed settlement is tried again

}  // namespace

void BatchSettler::start() {
  thread_ = start_thread("settler", [this](const std::stop_token&) {
    while (const auto batch = parts_.processed.take()) settle(*batch);
  });
}

void BatchSettler::join() {
  if (thread_.joinable()) thread_.join();
}

void BatchSettler::settle(CollectedBatch& batch) {
  if (batch.empty()) return;
  keep_dead(batch);
  const auto leases = batch.leases();
  const auto lost = parts_.leases.lost(leases);
  auto settlements = settlements_of(batch, lost);
  const SteadyTime leased_until = parts_.leases.let_go(leases);
  send(std::move(settlements), leased_until);
}

// A dead letter that cannot be stored keeps its message: it is given back instead.
void BatchSettler::keep_dead(CollectedBatch& batch) {
  std::vector<std::size_t> dead;
  for (std::size_t i = 0; i < batch.rulings.size(); ++i) {
    if (batch.rulings[i].verdict == Verdict::kDead) dead.push_back(i);
  }
  if (dead.empty()) return;
  const auto kept = parts_.dead_letters.keep(batch, dead);
  for (std::size_t i = 0; i < dead.size(); ++i) {
    Ruling& ruling = batch.rulings[dead[i]];
    tell(batch.messages[dead[i]], ruling, kept[i]);
    if (!kept[i]) ruling.verdict = Verdict::kRetry;
  }
}

void BatchSettler::tell(const StoredMessage& message, const Ruling& ruling, const Result<void>& kept) const {
  if (kept) {
    parts_.log.warn("message is dead",
                    {{"subject", message.subject}, {"sequence", message.sequence}, {"reason", ruling.reason}});
    return;
  }
  parts_.log.error("a message cannot be given up, because its dead letter could not be stored; it comes again",
                   {{"subject", message.subject}, {"sequence", message.sequence}, {"error", kept.error().message()}});
  if (parts_.options.on_trouble) parts_.options.on_trouble(kept.error().with_context("dead letter"));
}

std::vector<Settlement> BatchSettler::settlements_of(const CollectedBatch& batch, const std::vector<bool>& lost) {
  std::vector<Settlement> settlements;
  settlements.reserve(batch.rulings.size());
  for (std::size_t i = 0; i < batch.rulings.size(); ++i) {
    if (lost[i]) {
      ++parts_.tally.lost;
      continue;
    }
    const Ruling& ruling = batch.rulings[i];
    Settlement settlement{.lease = ruling.lease, .verdict = ruling.verdict};
    if (ruling.verdict == Verdict::kRetry) {
      const auto count = ruling.lease.delivery_count;
      settlement.delay = std::max(
          Duration{0},
          ruling.delay ? *ruling.delay : parts_.options.backoff.delay(count, spread(ruling.lease.sequence, count)));
    }
    settlements.push_back(std::move(settlement));
  }
  return settlements;
}

// Past the end of their leases messages come again anyway.
void BatchSettler::send(std::vector<Settlement> settlements, SteadyTime leased_until) {
  while (!settlements.empty()) {
    const bool last_try = parts_.stop.stop_requested() || parts_.clock.steady() + kSettlePause >= leased_until;
    settlements = send_once(settlements, last_try);
    if (!settlements.empty()) sleep_for(parts_.clock, kSettlePause, parts_.stop);
  }
}

// Returns what is to be tried again.
std::vector<Settlement> BatchSettler::send_once(const std::vector<Settlement>& settlements, bool last_try) {
  const auto settled = parts_.consumer.settle(settlements);
  std::vector<Settlement> again;
  std::optional<Error> trouble;
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    if (settled[i]) {
      count(settlements[i]);
      continue;
    }
    const Error& error = settled[i].error();
    const bool passes = error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kUnknown;
    if (passes && !last_try) {
      again.push_back(settlements[i]);
    } else {
      ++parts_.tally.lost;
    }
    if (!trouble) trouble = error;
  }
  if (trouble) {
    parts_.log.warn(again.empty() ? "settling failed; the messages come again"
                                  : "settling failed; trying again while the leases hold",
                    {{"subscription", parts_.options.name}, {"error", trouble->message()}});
    if (parts_.options.on_trouble) parts_.options.on_trouble(trouble->with_context("settling"));
  }
  return again;
}

void BatchSettler::count(const Settlement& settlement) {
  switch (settlement.verdict) {
    case Verdict::kDone: ++parts_.tally.done; break;
    case Verdict::kRetry: ++parts_.tally.retried; break;
    case Verdict::kDead: ++parts_.tally.dead; break;
  }
}

}  // namespace leat
