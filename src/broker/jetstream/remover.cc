#include "broker/jetstream/remover.h"

#include <numeric>

#include "broker/jetstream/lookup_reader.h"

namespace leat::jetstream {
namespace {

constexpr std::size_t kRemovals = 1000;
constexpr std::chrono::milliseconds kRemovePatience{10'000};  // without any answer it is given up
constexpr std::chrono::milliseconds kRemovePause{100};        // before it is repeated

// One call of remove_all().
class Removal {
 public:
  Removal(Session& session, const std::string& stream, std::span<const std::uint64_t> sequences)
      : session_(session),
        what_("stream \"" + stream + "\""),
        subject_(session.api().subject("STREAM.MSG.DELETE." + stream)),
        sequences_(sequences),
        results_(sequences.size(), Result<bool>(false)),
        lost_(sequences.size(), false) {}

  std::vector<Result<bool>> run() {
    SteadyTime deadline = deadline_after(session_.clock(), kRemovePatience);
    std::vector<std::size_t> open(sequences_.size());
    std::iota(open.begin(), open.end(), std::size_t{0});
    while (true) {
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
