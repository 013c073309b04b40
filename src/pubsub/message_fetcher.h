// Brings messages of one of the broker's subscriptions into the buffer: a thread for each filter.
#pragma once

#include <functional>

#include "core/thread.h"
#include "leat/log.h"
#include "leat/subscriber.h"
#include "pubsub/message_buffer.h"

namespace leat {

class MessageFetcher {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    const SubscriberOptions& options;
    MessageSource& source;
    MessageBuffer& buffer;
    std::size_t ahead;  // how many more the broker may lease to us
    std::function<void(std::vector<Delivery>)> take_in;
    std::function<void(const Error&)> fail;  // no message comes any more
    std::function<void()> over;              // the last thing that the thread does
    std::stop_token stop;                    // gives back what the broker leased ahead, and ends
  };

  explicit MessageFetcher(Parts parts) : parts_(std::move(parts)) {}

  void start();
  // Waits for the thread; Parts::stop has been requested.
  void join();

 private:
  void run();
  bool recover(const Error& error);

  Parts parts_;
  Thread thread_;
};

}  // namespace leat
