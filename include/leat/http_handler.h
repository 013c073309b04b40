// A handler that posts each job to an HTTP server: the payload is the body, the status the verdict.
//
//   worker.handle("resize", leat::http_handler("https://images.example/resize").value());
#pragma once

#include <chrono>
#include <string>

#include "leat/clock.h"
#include "leat/handler.h"
#include "leat/result.h"

namespace leat {

struct HttpHandlerOptions {
  Duration timeout = std::chrono::seconds(30);  // for one answer; 1 ms or more
  std::string user_agent = "leat";
  std::string ca_file{};  // PEM: whom to trust instead of those whom the machine trusts
};

// The request has Leat-Job-Id, Leat-Kind, Leat-Attempt, Leat-Max-Attempts, and the job's own headers as they are, but
// for those that speak of the connection (Host, Content-Length, ...). Content-Type is application/json unless the job
// has another.
// 2xx: done, the body (its first 64 KiB) is the result. 408, 425, 429, 5xx and no response: a retry, after what
// Retry-After says if it says something. Other 4xx: dead at once. 3xx: a retry, because redirects are not followed. The
// error tells status and beginning of the body, and nothing secret of the URL.
// The handler serves many threads at once, and keeps its connections. When the job's stop token fires it closes the one
// at work, and is a retry. The clock outlives it, and says how long it is to a Retry-After that is a date.
// Errors: kInvalidArgument (URL, timeout).
Result<Handler> http_handler(std::string url, HttpHandlerOptions options = {}, Clock& clock = real_clock());

}  // namespace leat
