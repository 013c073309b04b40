#include "broker/jetstream/remover.h"

#include <algorithm>
#include <numeric>

#include "broker/jetstream/lookup_reader.h"

namespace leat::jetstream {
namespace {

constexpr std::size_t kRemovals = 1000;
constexpr std::chrono::milliseconds kRemovePatience{10'000};  // without any answer it is given up
constexpr std::chrono::milliseconds kRemovePause{100};        // before it is repeated
// A purge takes two requests, and with each the server writes down the whole stream's state: 0.15 to 0.2 us for each
// message that is left, where a removal takes it 40 us.
constexpr std::size_t kWorthAPurge = 16;
constexpr std::size_t kWorthOfStream = 100;  // at least one in so many of its messages

// One call of remove_all().
class Removal {
 public:
  Removal(Session& session, const std::string& stream, std::span<const std::uint64_t> sequences)
      : session_(session),
        stream_(stream),
        what_("stream \"" + stream + "\""),
        subject_(session.api().subject("STREAM.MSG.DELETE." + stream)),
        sequences_(sequences),
        results_(sequences.size(), Result<bool>(false)),
        lost_(sequences.size(), false) {}

  std::vector<Result<bool>> run() {
    std::vector<std::size_t> open(sequences_.size());
    std::iota(open.begin(), open.end(), std::size_t{0});
    if (open.size() >= kWorthAPurge && session_.may_purge()) purge_front(open);
    SteadyTime deadline = deadline_after(session_.clock(), kRemovePatience);
    while (!open.empty()) {
      const std::size_t before = open.size();
      open = ask(open);
      if (open.size() < before) deadline = deadline_after(session_.clock(), kRemovePatience);
      if (open.empty() || session_.clock().steady() >= deadline) break;
      sleep_for(session_.clock(), kRemovePause, {});
    }
    for (const std::size_t i : open) {
      if (lost_[i]) results_[i] = Error(ErrorCode::kUnknown, results_[i].error().message());
    }
    return std::move(results_);
  }

 private:
  // One purge removes what lies first in the stream, without a gap: nothing else is among it. Takes what is done out of
  // `open`.
  void purge_front(std::vector<std::size_t>& open) {
    std::sort(open.begin(), open.end(), [this](auto a, auto b) { return sequences_[a] < sequences_[b]; });
    while (true) {
      const std::span<const std::size_t> front(open.data(), worth_a_purge(open));
      if (front.empty() || !purge(front)) return;
      open.erase(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(front.size()));
    }
  }

  // How many have sequences that follow one another.
  std::size_t run_at_front(const std::vector<std::size_t>& open) const {
    std::size_t count = std::min<std::size_t>(open.size(), 1);
    while (count < open.size() && sequences_[open[count]] == sequences_[open[count - 1]] + 1) ++count;
    return count;
  }

  // How many of them; 0 where it is not worth it. Never the last message of the stream: a server that is to purge past
  // its end purges all, also what has been stored meanwhile (fixed in 2.14.4).
  std::size_t worth_a_purge(const std::vector<std::size_t>& open) {
    std::size_t count = run_at_front(open);
    if (count < kWorthAPurge) return 0;
    const auto info = session_.api().require("STREAM.INFO." + stream_, nullptr, what_);
    if (!info) return 0;
    const auto& state = object_at(*info, "state");
    if (number_at(state, "first_seq") != sequences_[open.front()]) return 0;
    if (sequences_[open[count - 1]] >= number_at(state, "last_seq")) --count;
    return count * kWorthOfStream < number_at(state, "messages") ? 0 : count;
  }

  // False when it may not be done: they are to be removed one by one. Which of them are gone by then, and by whom, is
  // not known either.
  bool purge(std::span<const std::size_t> run) {
    const nats::Request request{session_.api().subject("STREAM.PURGE." + stream_),
                                R"({"seq":)" + std::to_string(sequences_[run.back()] + 1) + "}"};
    const auto answer = std::move(session_.ask_once({&request, 1}).front());
    if (!answer && answer.error().code() == ErrorCode::kDenied) session_.purges_are_denied();
    const auto parsed = answer ? parse_api_answer(answer->data()) : Result<ApiAnswer>(answer.error());
    if (!parsed || parsed->error != 0) return false;
    const bool all = number_at(parsed->body, "purged") == run.size();
    for (const std::size_t i : run) results_[i] = all;
    return true;
  }

  // Returns those that are to be asked again.
  std::vector<std::size_t> ask(const std::vector<std::size_t>& open) {
    std::vector<nats::Request> requests;
    requests.reserve(open.size());
    for (const std::size_t i : open) {
      requests.push_back({subject_, R"({"seq":)" + std::to_string(sequences_[i]) + R"(,"no_erase":true})"});
    }
    auto answers = session_.ask_once(requests);
    std::vector<std::size_t> again;
    for (std::size_t k = 0; k < open.size(); ++k) {
      if (!take(open[k], answers[k])) again.push_back(open[k]);
    }
    return again;
  }

  // False when there is no final result yet.
  bool take(std::size_t index, const Result<nats::Received>& answer) {
    if (!answer) {
      lost_[index] = lost_[index] || answer.error().code() == ErrorCode::kUnknown;
      results_[index] = answer.error().with_context(what_);
      return answer.error().code() == ErrorCode::kDenied;
    }
    const auto parsed = parse_api_answer(answer->data());
    if (!parsed) {
      results_[index] = parsed.error().with_context(what_);
    } else if (parsed->error == 0) {
      results_[index] = true;
    } else if (is_missing(*parsed)) {
      results_[index] = static_cast<bool>(lost_[index]);
    } else {
      results_[index] = api_error(*parsed, what_);
    }
    return !parsed || parsed->error != ApiCode::kTemporarilyUnavailable;
  }

  static bool is_missing(const ApiAnswer& answer) {
    return answer.error == ApiCode::kNoMessage || answer.error == ApiCode::kNoSuchSequence ||
           answer.error == ApiCode::kDeleteFailed;
  }

  Session& session_;
  const std::string& stream_;
  const std::string what_;
  const std::string subject_;
  const std::span<const std::uint64_t> sequences_;
  std::vector<Result<bool>> results_;
  std::vector<bool> lost_;  // an earlier try had no answer: it may have removed the message
};

}  // namespace

std::vector<Result<bool>> remove_all(Session& session, const std::string& stream,
                                     std::span<const std::uint64_t> sequences) {
  return Removal(session, stream, sequences).run();
}

Result<std::uint64_t> remove_each(Session& session, const std::string& stream, std::string_view filter,
                                  std::uint64_t last_sequence) {
  LookupReader reader(session, {.stream = stream, .filter = std::string(filter), .headers_only = true});
  std::uint64_t removed = 0;
  std::size_t batch = 1;  // often there is nothing to remove
  while (true) {
    auto messages = reader.read({.max_count = batch}, {});
    batch = kRemovals;
    if (!messages) return messages.error();
    if (messages->empty() || messages->front().sequence > last_sequence) return removed;
    std::vector<std::uint64_t> sequences;
    for (const StoredMessage& message : *messages) {
      if (message.sequence <= last_sequence) sequences.push_back(message.sequence);
    }
    for (const auto& result : remove_all(session, stream, sequences)) {
      if (!result) return result.error();
      if (*result) ++removed;
    }
  }
}

}  // namespace leat::jetstream
