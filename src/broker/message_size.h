// What a message counts as where bytes are limited.
#pragma once

#include "leat/message.h"

namespace leat {

inline std::size_t size_of(const Message& message) {
  return message.subject.size() + message.headers.encoded().size() + message.payload.size();
}

}  // namespace leat
