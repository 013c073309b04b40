#include <stdexcept>

#include "leat/router_middleware.h"
#include "pubsub/dead_letter.h"

namespace leat {
namespace {

bool is_poison(const Outcome& outcome, std::uint32_t deliveries, std::uint32_t after) {
  switch (outcome.kind()) {
    case Outcome::Kind::kDead:
    case Outcome::Kind::kUndecodable: return true;
    case Outcome::Kind::kRetry:
    case Outcome::Kind::kRetryAfter: return deliveries >= after;
    case Outcome::Kind::kDone:
    case Outcome::Kind::kSnooze:
    case Outcome::Kind::kCancelled: return false;
  }
  return false;
}

}  // namespace

MessageMiddleware poison_queue(Publisher& publisher, PoisonQueue options) {
  if (options.after == 0) throw std::invalid_argument("poison_queue: after is 1 or more");
  return [&publisher, options = std::move(options)](MessageContext& context, const MessageHandler& next) {
    Outcome outcome = next(context);
    const ReceivedMessage& message = context.message();
    if (!is_poison(outcome, message.deliveries(), options.after)) return outcome;
    Publication letter = make_dead_letter(
        options.subject,
        {.message = {.subject = message.subject(), .headers = message.headers(), .payload = message.payload()},
         .sequence = message.sequence(),
         .stored_at = message.stored_at(),
         .stream = message.stream(),
         .subscription = message.subscription(),
         .deliveries = message.deliveries(),
         .reason = outcome.text()});
    const auto published = publisher.publish(letter.subject, std::move(letter.payload), std::move(letter.options));
    if (published) return Outcome::done();
    return Outcome::retry("not published to the poison queue: " + published.error().message());
  };
}

}  // namespace leat
