#include "nats/replies.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace leat::nats {
namespace {

constexpr std::size_t kWindow = 1024;  // requests without an answer at one time
constexpr std::chrono::milliseconds kFlush{1000};
constexpr int kLooks = 10;  // for answers, in the time in which one must come

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// Collects the answers to one batch of requests.
class Answers : public ReplySink {
 public:
  explicit Answers(std::size_t count) : answers_(count) {}

  void on_reply(std::size_t index, Received answer) override {
    MutexLock lock(mutex_);
    if (index >= answers_.size() || answers_[index]) return;
    answers_[index] = std::move(answer);
    ++count_;
    if (count_ >= wanted_) changed_.notify_all();
  }

  // Waits until `wanted` answers are there; false when none came for `quiet`.
  bool wait_for(std::size_t wanted, std::chrono::milliseconds quiet) {
    Clock& clock = real_clock();
    MutexLock lock(mutex_);
    wanted_ = wanted;
    std::size_t seen = count_;
    SteadyTime quiet_since = clock.steady();
    while (count_ < wanted && clock.steady() - quiet_since < quiet) {
      clock.wait_until(changed_, mutex_, deadline_after(clock, quiet / kLooks), {});
      if (std::exchange(seen, count_) != count_) quiet_since = clock.steady();
    }
    return count_ >= wanted;
  }

  Received take(std::size_t index) {
    MutexLock lock(mutex_);
    return std::move(answers_[index]);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<Received> answers_ LEAT_GUARDED_BY(mutex_);
  std::size_t count_ LEAT_GUARDED_BY(mutex_) = 0;
  std::size_t wanted_ LEAT_GUARDED_BY(mutex_) = 0;
};

}  // namespace

Result<std::unique_ptr<Replies>> Replies::open(Connection& connection) {
  std::unique_ptr<Replies> replies(new Replies);
  replies->prefix_ = connection.make_inbox() + ".";
  auto subscription = Subscription::open(connection, replies->prefix_ + ">", *replies);
  if (!subscription) return subscription.error();
  replies->subscription_ = std::move(*subscription);
  return replies;
}

Replies::Ticket Replies::add(ReplySink& sink) {
  MutexLock lock(mutex_);
  const std::uint64_t id = ++next_id_;
  sinks_.emplace(id, &sink);
  return {*this, id, prefix_ + std::to_string(id) + "."};
}

void Replies::remove(std::uint64_t id) {
  MutexLock lock(mutex_);
  sinks_.erase(id);
}

void Replies::on_message(Received message) {
  std::string_view rest = message.subject();
  if (!rest.starts_with(prefix_)) return;
  rest.remove_prefix(prefix_.size());
  const auto id = take_number(rest);
  if (!id || !rest.starts_with('.')) return;
  rest.remove_prefix(1);
  const auto index = take_number(rest);
  if (!index || !rest.empty()) return;
  MutexLock lock(mutex_);
  const auto found = sinks_.find(*id);
  if (found != sinks_.end()) found->second->on_reply(*index, std::move(message));
}

std::vector<Result<Received>> request_all(Connection& connection, Replies& replies, std::span<const Request> requests,
                                          std::chrono::milliseconds quiet) {
  Answers answers(requests.size());
  const Replies::Ticket ticket = replies.add(answers);
  std::vector<std::optional<Error>> unsent(requests.size());
  std::size_t failed = 0;
  bool answering = true;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (i - failed >= kWindow && i % (kWindow / 2) == 0) {
      connection.flush(kFlush);
      answering = answers.wait_for(i - failed - kWindow / 2, quiet);
      if (!answering) {
        std::fill(unsent.begin() + static_cast<std::ptrdiff_t>(i), unsent.end(),
                  Error(ErrorCode::kUnavailable, "not sent: no answer in time to what was sent before"));
        break;
      }
    }
    const std::string reply = ticket.prefix() + std::to_string(i);
    if (auto sent = connection.publish(requests[i].subject.c_str(), reply.c_str(), requests[i].body); !sent) {
      unsent[i] = sent.error();
      ++failed;
    }
  }
  connection.flush(kFlush);
  if (answering) answers.wait_for(requests.size() - failed, quiet);
  std::vector<Result<Received>> results;
  results.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Received answer = answers.take(i);
    if (unsent[i]) {
      results.emplace_back(*unsent[i]);
    } else if (!answer) {
      results.emplace_back(Error(ErrorCode::kUnknown, "no answer in time to " + requests[i].subject));
    } else if (answer.no_responders()) {
      results.emplace_back(Error(ErrorCode::kUnavailable, "nobody answers to " + requests[i].subject));
    } else {
      results.emplace_back(std::move(answer));
    }
  }
  return results;
}

}  // namespace leat::nats
