#include <stdexcept>

#include "core/mutex.h"
#include "core/spread.h"
#include "leat/router_middleware.h"

namespace leat {

MessageMiddleware retry_in_place(RetryInPlace options, Clock& clock) {
  if (options.attempts == 0) throw std::invalid_argument("retry_in_place: attempts is 1 or more");
  if (auto checked = options.backoff.check(); !checked) throw std::invalid_argument(checked.error().message());
  return [options = std::move(options), &clock](MessageContext& message, const MessageHandler& next) {
    for (unsigned attempt = 1;; ++attempt) {
      Outcome outcome = next(message);
      const bool asks_for_time = outcome.kind() == Outcome::Kind::kRetryAfter;
      if (outcome.kind() != Outcome::Kind::kRetry && !asks_for_time) return outcome;
      if (attempt >= options.attempts) return outcome;
      const Duration wait = asks_for_time
                                ? outcome.delay()
                                : options.backoff.delay(attempt, spread(message.message().sequence(), attempt));
      if (!sleep_for(clock, wait, message.stop_token())) return outcome;
    }
  };
}

}  // namespace leat
