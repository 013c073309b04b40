// Messages that were given up, as others can read them: what they were, with headers that tell where they come from
// (docs/guide/pubsub.md).
#pragma once

#include <string_view>

#include "leat/publisher.h"

namespace leat {

struct GivenUp {
  Message message;
  std::uint64_t sequence = 0;
  SystemTime stored_at{};  // tells it from one of a stream that was made again
  std::string_view stream;
  std::string_view subscription;
  std::uint32_t deliveries = 0;
  std::string_view reason;
};

// Its message id is made of where it comes from: stored twice, it is one within the dedupe window.
Publication make_dead_letter(std::string_view subject, GivenUp given_up);

}  // namespace leat
