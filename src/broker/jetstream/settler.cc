#include "broker/jetstream/settler.h"

namespace leat::jetstream {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kFewSettlements = 4;  // so many cost less when each is sent by itself
constexpr milliseconds kSettleFlush{1000};

// A TERM with a reason is no TERM for servers before 2.10.4, so it has none.
std::string body_of(const Settlement& settlement) {
  switch (settlement.verdict) {
    case Verdict::kDone: return "+ACK";
    case Verdict::kDead: return "+TERM";
    case Verdict::kRetry: break;
  }
  if (settlement.delay <= Duration::zero()) return "-NAK";
  return "-NAK {\"delay\": " + std::to_string(settlement.delay.count()) + "}";
}

Error no_token() {
  return {ErrorCode::kInvalidArgument, "the lease has no token: it is not from this consumer"};
}

}  // namespace

std::vector<Result<void>> Settler::settle(std::span<const Settlement> settlements) {
  std::vector<Result<void>> results(settlements.size());
  std::vector<std::size_t> to_confirm;
  const bool few = settlements.size() <= kFewSettlements;
  nats::Connection& connection = few ? session_.control() : session_.bulk();
  const std::string reply = few ? std::string() : pace_.sending(settlements.size());
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    const Settlement& settlement = settlements[i];
    if (settlement.lease.token.empty()) {
      results[i] = no_token();
    } else if (settlement.confirm) {
      to_confirm.push_back(i);
    } else {
      const bool asks = i + 1 == settlements.size() && !reply.empty();
      results[i] =
          connection.publish(settlement.lease.token.c_str(), asks ? reply.c_str() : nullptr, body_of(settlement));
    }
  }
  if (!to_confirm.empty()) confirm(settlements, to_confirm, results);
  return results;
}

// A final verdict may be said twice, a nak may not: the second would take the message from the next one who has it.
void Settler::confirm(std::span<const Settlement> settlements, std::span<const std::size_t> which,
                      std::vector<Result<void>>& results) {
  std::vector<nats::Request> requests;
  std::vector<std::size_t> unanswered;
  for (const std::size_t i : which) requests.push_back({settlements[i].lease.token, body_of(settlements[i])});
  auto answers = session_.ask_once(requests);
  std::vector<nats::Request> again;
  for (std::size_t k = 0; k < which.size(); ++k) {
    if (answers[k]) continue;
    results[which[k]] = answers[k].error();
    if (settlements[which[k]].verdict == Verdict::kRetry) continue;
    unanswered.push_back(which[k]);
    again.push_back(std::move(requests[k]));
  }
  if (again.empty()) return;
  answers = session_.ask_once(again);
  for (std::size_t k = 0; k < again.size(); ++k) {
    const bool unsure = results[unanswered[k]].error().code() == ErrorCode::kUnknown;
    if (answers[k]) {
      results[unanswered[k]] = {};
    } else if (!unsure) {
      results[unanswered[k]] = answers[k].error();
    }
  }
}

std::vector<Result<void>> Settler::extend(std::span<const std::string> subjects) {
  std::vector<nats::Request> requests;
  requests.reserve(subjects.size());
  for (const std::string& subject : subjects) requests.push_back({subject, "+WPI"});
  std::vector<Result<void>> results(subjects.size());
  if (subjects.empty()) return results;
  const auto answers = session_.ask_once(requests);
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    if (subjects[i].empty()) {
      results[i] = no_token();
    } else if (!answers[i]) {
      results[i] = Error(ErrorCode::kUnavailable, "the lease is perhaps not extended: " + answers[i].error().message());
    }
  }
  return results;
}

void Settler::give_back(std::span<const std::string> subjects) {
  if (subjects.empty()) return;
  nats::Connection& connection = session_.control();
  for (const std::string& subject : subjects) (void)connection.publish(subject.c_str(), nullptr, "-NAK");
  connection.flush(kSettleFlush);
}

}  // namespace leat::jetstream
