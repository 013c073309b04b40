// Reads deliveries from one durable subscription and settles them.
//
// A delivery is leased, not removed: until it is settled or its lease runs out, no other consumer of the same
// subscription receives it. Delivery is at least once (docs/guide/delivery.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/message.h"
#include "leat/result.h"
#include "leat/settings.h"

namespace leat {

// Names one delivery to the broker that made it. Opaque to everybody else.
struct Lease {
  std::uint64_t sequence = 0;        // of the message, in its stream
  std::uint32_t delivery_count = 0;  // 1 for the first delivery
  std::string token;                 // what else the broker needs to know it again
};

struct Delivery {
  StoredMessage message;
  Lease lease;
  // Which of all deliveries of the subscription this is: from 1, and larger each time, perhaps with gaps. A broker that
  // loses its last moments in a crash may give numbers again.
  std::uint64_t number = 0;
  // The count is 1, but the broker may have lost it in a crash, with the other deliveries of its last moments.
  bool count_is_unsure = false;
};

enum class Verdict {
  kDone,   // final: a work queue drops the message
  kRetry,  // deliver it again, no sooner than `delay`
  kDead,   // final as kDone; the broker may report it as given up
};

struct Settlement {
  Lease lease;
  Verdict verdict = Verdict::kDone;
  Duration delay{0};     // kRetry only; 0 or more
  bool confirm = false;  // wait until the broker has processed it; without, the result says only that it was sent
};

struct FetchOptions {
  std::size_t max_count = 64;                // deliveries per call; 1 to 10'000
  std::chrono::milliseconds max_wait{5000};  // for the first delivery only; never waits to fill
  // How many more the consumer may lease while the caller works on these, so that the next call finds them here. They
  // are held by this object: `extend` keeps their leases, and the destructor gives them back. 0 leases nothing ahead.
  std::size_t ahead = 0;
};

// Thread-safe: any method may be called from any thread at any time.
// Lifetime: the Broker that opened this consumer must outlive it. The destructor gives back at once what was held
// ahead; deliveries that were returned and not settled stay leased until ack_wait runs out.
class Consumer {
 public:
  virtual ~Consumer() = default;

  // Blocks until a delivery is ready, `max_wait` passes, or `stop` is requested; the last two return an empty vector,
  // because an idle queue and a shutdown are not errors. A lost connection that heals meanwhile is no error either.
  // Errors: kUnavailable (the broker does not answer, or the connection is still lost when `max_wait` is over; safe to
  // call again), kNotFound (the subscription or its stream was deleted: open it again), kDenied (the account may not
  // fetch any more, or the server takes its credentials no more), kInvalidArgument.
  virtual Result<std::vector<Delivery>> fetch(const FetchOptions& options, std::stop_token stop) = 0;

  // Ends leases. One result per settlement, in order.
  // Errors: kLeaseLost (only with Capabilities::fenced_settle: the lease ran out and the message was delivered again,
  // or was settled), kUnavailable, kUnknown (confirmed ones only).
  virtual std::vector<Result<void>> settle(std::span<const Settlement> settlements) = 0;

  // Gives back at once what is held ahead and leases nothing more until the next fetch. Leases of what was returned go
  // on, and can be settled and extended. For the first step of a shutdown.
  virtual void release_ahead() = 0;

  // How long a lease of this subscription lasts: an existing subscription keeps the ack_wait that it was created with.
  virtual Duration ack_wait() const = 0;

  // What else the subscription had otherwise than was asked for when it was opened here, ack_wait included.
  virtual const std::vector<Drift>& drift() const = 0;

  // Restarts leases from now, for one full ack_wait, and those of deliveries held ahead. One result per lease, in
  // order. Errors: as settle().
  virtual std::vector<Result<void>> extend(std::span<const Lease> leases) = 0;
};

}  // namespace leat
