#include <stdexcept>

#include "core/text.h"
#include "leat/router_middleware.h"
#include "pubsub/alarms.h"

namespace leat {
namespace {

// The message's stop token fires for an alarm, and for what fired it before; as it was again at the end.
class Limited {
 public:
  Limited(Alarms& alarms, Duration limit, MessageContext& message)
      : alarms_(alarms),
        message_(message),
        before_(message.replace_stop_token(stop_.get_token())),
        id_(alarms.set(limit, over_)) {}
  ~Limited() {
    alarms_.cancel(id_);
    message_.replace_stop_token(before_);
  }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;

  bool is_over() const { return over_.stop_requested(); }

 private:
  struct Forward {
    std::stop_source& to;
    void operator()() const { to.request_stop(); }
  };

  Alarms& alarms_;
  MessageContext& message_;
  std::stop_source stop_;  // what those inside see
  std::stop_source over_;
  std::stop_token before_;
  std::stop_callback<Forward> when_over_{over_.get_token(), Forward{stop_}};
  std::stop_callback<Forward> when_before_{before_, Forward{stop_}};
  Alarms::Id id_;
};

}  // namespace

MessageMiddleware time_limit(Duration limit, Clock& clock) {
  if (limit <= Duration{0}) throw std::invalid_argument("time_limit: the limit is more than 0");
  return [alarms = std::make_shared<Alarms>(clock), limit](MessageContext& message, const MessageHandler& next) {
    const Limited limited(*alarms, limit, message);
    Outcome outcome = next(message);
    if (!limited.is_over() || outcome.kind() == Outcome::Kind::kDone) return outcome;
    return Outcome::retry("it took longer than " + format_duration(limit) +
                          (outcome.text().empty() ? "" : ": " + outcome.text()));
  };
}

}  // namespace leat
