// Requests to JetStream's API: JSON in, JSON out, and its error codes in leat's words.
//
// They are made by hand, not with nats.c's calls: which fields are sent depends on the server's level, not on the
// client's version.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "leat/clock.h"
#include "leat/result.h"
#include "nats/connection.h"

namespace leat::jetstream {

// The server's err_codes that something depends on.
struct ApiCode {
  static constexpr int kBadJson = 10025;
  static constexpr int kNoConsumer = 10014;
  static constexpr int kNoStream = 10059;
  static constexpr int kNoMessage = 10037;
  static constexpr int kNoSuchSequence = 10043;
  static constexpr int kDeleteFailed = 10057;
  static constexpr int kStreamNameInUse = 10058;
  static constexpr int kConsumerNameInUse = 10013;
  static constexpr int kConsumerExists = 10148;
  static constexpr int kSubjectsOverlap = 10065;
  static constexpr int kNotEnabled = 10076;
  static constexpr int kNotEnabledForAccount = 10039;
  static constexpr int kTemporarilyUnavailable = 10008;
  static constexpr int kWrongLastSequence = 10071;
  static constexpr int kTooLarge = 10054;
  static constexpr int kStoreFailed = 10077;
  static constexpr int kBadStreamConfig = 10052;
};

struct ApiAnswer {
  nlohmann::json body;
  int error = 0;  // err_code; 0 when it went well
  int code = 0;   // as HTTP
  std::string description{};
};

// What the server's refusal means. `what` names the thing that was asked about ("stream \"jobs\"").
Error api_error(int error, int code, std::string_view description, std::string_view what);
inline Error api_error(const ApiAnswer& answer, std::string_view what) {
  return api_error(answer.error, answer.code, answer.description, what);
}

// Takes an answer apart. kCorrupt when it is no JSON object.
Result<ApiAnswer> parse_api_answer(std::string_view text);

// Members of JSON objects that may be missing or of another type: the fallback then.
std::uint64_t number_at(const nlohmann::json& object, const char* key, std::uint64_t fallback = 0);
std::string text_at(const nlohmann::json& object, const char* key);
const nlohmann::json& object_at(const nlohmann::json& object, const char* key);

// Thread-safe. The connection and the clock must outlive it.
class Api {
 public:
  Api(nats::Connection& connection, std::string prefix, Clock& clock)
      : connection_(connection), prefix_(std::move(prefix)), clock_(clock) {}

  // "$JS.API.STREAM.INFO.jobs" for "STREAM.INFO.jobs".
  std::string subject(std::string_view call) const { return prefix_ + "." + std::string(call); }

  // Waits for the answer; while nobody leads or the connection is lost, tries again for up to 5 s. An answer that says
  // no is an ApiAnswer with an error. Errors: kUnavailable, kDenied (the account may not ask this).
  Result<ApiAnswer> call(std::string_view call, const nlohmann::json& body = nullptr);

  // The same, with a refusal turned into an Error about `what`.
  Result<nlohmann::json> require(std::string_view call, const nlohmann::json& body, std::string_view what);

 private:
  nats::Connection& connection_;
  std::string prefix_;
  Clock& clock_;
};

}  // namespace leat::jetstream
