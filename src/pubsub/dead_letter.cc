#include "pubsub/dead_letter.h"

#include "broker/header_text.h"

namespace leat {

Publication make_dead_letter(std::string_view subject, GivenUp given_up) {
  const std::string sequence = std::to_string(given_up.sequence);
  Publication letter{.subject = std::string(subject),
                     .payload = std::move(given_up.message.payload),
                     .options = {.headers = std::move(given_up.message.headers)}};
  Headers& headers = letter.options.headers;
  headers.set("Leat-Dead-Reason", header_text(given_up.reason));
  headers.set("Leat-Dead-Subject", given_up.message.subject);
  headers.set("Leat-Dead-Stream", given_up.stream);
  headers.set("Leat-Dead-Sequence", sequence);
  headers.set("Leat-Dead-Subscription", given_up.subscription);
  headers.set("Leat-Dead-Deliveries", std::to_string(given_up.deliveries));
  letter.options.message_id = std::string(given_up.stream) + "." + sequence + "." +
                              std::to_string(given_up.stored_at.time_since_epoch().count()) + "." +
                              std::string(given_up.subscription);
  return letter;
}

}  // namespace leat
