#include "broker/jetstream/api.h"

#include <algorithm>
#include <array>

#include "core/mutex.h"

namespace leat::jetstream {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kTimeout{5000};
constexpr milliseconds kApiPause{100};

struct Meaning {
  int error;
  ErrorCode code;
};

constexpr std::array kMeanings{
    Meaning{ApiCode::kNoConsumer, ErrorCode::kNotFound},
    Meaning{ApiCode::kNoStream, ErrorCode::kNotFound},
    Meaning{ApiCode::kNoMessage, ErrorCode::kNotFound},
    Meaning{ApiCode::kNoSuchSequence, ErrorCode::kNotFound},
    Meaning{ApiCode::kNotEnabled, ErrorCode::kNotFound},
    Meaning{ApiCode::kNotEnabledForAccount, ErrorCode::kNotFound},
    Meaning{ApiCode::kStreamNameInUse, ErrorCode::kConflict},
    Meaning{ApiCode::kConsumerNameInUse, ErrorCode::kConflict},
    Meaning{ApiCode::kConsumerExists, ErrorCode::kConflict},
    Meaning{ApiCode::kSubjectsOverlap, ErrorCode::kConflict},
    Meaning{ApiCode::kWrongLastSequence, ErrorCode::kConflict},
    Meaning{10099, ErrorCode::kConflict},  // work queue: another consumer takes everything
    Meaning{10100, ErrorCode::kConflict},  // work queue: filters overlap
    Meaning{ApiCode::kTooLarge, ErrorCode::kInvalidArgument},
    Meaning{ApiCode::kBadStreamConfig, ErrorCode::kInvalidArgument},
    Meaning{10047, ErrorCode::kFull},             // storage of the server
    Meaning{10028, ErrorCode::kFull},             // memory of the server
    Meaning{10023, ErrorCode::kFull},             // resources of the server
    Meaning{10002, ErrorCode::kFull},             // resources of the account
    Meaning{10026, ErrorCode::kFull},             // consumers
    Meaning{10027, ErrorCode::kFull},             // streams
    Meaning{10005, ErrorCode::kInvalidArgument},  // replicas: not enough servers
    Meaning{10074, ErrorCode::kInvalidArgument},  // replicas without a cluster
    Meaning{ApiCode::kTemporarilyUnavailable, ErrorCode::kUnavailable},
};

ErrorCode meaning_of(int error, int code, std::string_view description) {
  if (error == ApiCode::kStoreFailed) {
    return description.find("maximum") != description.npos ? ErrorCode::kFull : ErrorCode::kUnavailable;
  }
  const auto* found =
      std::find_if(kMeanings.begin(), kMeanings.end(), [&](const Meaning& m) { return m.error == error; });
  if (found != kMeanings.end()) return found->code;
  switch (code) {
    case 400: return ErrorCode::kInvalidArgument;
    case 404: return ErrorCode::kNotFound;
    case 408:
    case 429:
    case 503: return ErrorCode::kUnavailable;
    default: return ErrorCode::kInternal;
  }
}

}  // namespace

Error api_error(int error, int code, std::string_view description, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += description.empty() ? "refused" : description;
  if (error == ApiCode::kNotEnabled || error == ApiCode::kNotEnabledForAccount) {
    message += ": start the server with -js, or enable JetStream for the account";
  }
  message += " (NATS error " + std::to_string(error) + ")";
  return {meaning_of(error, code, description), std::move(message)};
}

std::uint64_t number_at(const nlohmann::json& object, const char* key, std::uint64_t fallback) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number_integer()) return fallback;
  return at->is_number_unsigned() || at->get<std::int64_t>() >= 0 ? at->get<std::uint64_t>() : fallback;
}

std::string text_at(const nlohmann::json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const nlohmann::json& object_at(const nlohmann::json& object, const char* key) {
  static const nlohmann::json empty = nlohmann::json::object();
  const auto at = object.find(key);
  return at != object.end() && at->is_object() ? *at : empty;
}

Result<ApiAnswer> parse_api_answer(std::string_view text) {
  ApiAnswer answer{.body = nlohmann::json::parse(text, nullptr, false)};
  if (!answer.body.is_object()) return Error(ErrorCode::kCorrupt, "the server's answer is no JSON object");
  if (const auto& error = object_at(answer.body, "error"); !error.empty()) {
    answer.code = static_cast<int>(number_at(error, "code"));
    answer.error = static_cast<int>(number_at(error, "err_code"));
    if (answer.error == 0) answer.error = answer.code == 0 ? -1 : answer.code;
    answer.description = text_at(error, "description");
  }
  return answer;
}

Result<ApiAnswer> Api::call(std::string_view call, const nlohmann::json& body) {
  const std::string to = subject(call);
  const std::string text = body.is_null() ? std::string() : body.dump();
  const SteadyTime deadline = deadline_after(clock_, kTimeout);
  while (true) {
    const std::uint64_t refusals = connection_.refusals();
    auto answer = connection_.request(to, text, kTimeout);
    const bool over = clock_.steady() >= deadline;
    if (answer) {
      auto parsed = parse_api_answer(answer->data());
      if (!parsed) return parsed.error().with_context(to);
      if (parsed->error != ApiCode::kTemporarilyUnavailable || over) return parsed;
    } else if (over) {
      if (connection_.refusals() != refusals && connection_.last_refusal().find(to) != std::string::npos) {
        return Error(ErrorCode::kDenied, "the account may not publish to " + to);
      }
      return Error(ErrorCode::kUnavailable, answer.error().message());
    }
    sleep_for(clock_, kApiPause, {});
  }
}

Result<nlohmann::json> Api::require(std::string_view request, const nlohmann::json& body, std::string_view what) {
  auto answer = call(request, body);
  if (!answer) return answer.error().with_context(what);
  if (answer->error != 0) return api_error(*answer, what);
  return std::move(answer->body);
}

}  // namespace leat::jetstream
