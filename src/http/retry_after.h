// How long an HTTP server wants its clients to wait.
#pragma once

#include <optional>

#include "http/http_message.h"

namespace leat {

// What Retry-After says, in seconds or as a date, from `now` on: above zero, a day at most. Empty when there is no such
// header, or it says nothing that can be followed.
std::optional<Duration> retry_after(const HttpResponse& response, SystemTime now);

}  // namespace leat
