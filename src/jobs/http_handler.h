// A handler that posts each job to an HTTP server: the payload is the body, the status the verdict.
#pragma once

#include <string>

#include "http/http_client.h"
#include "leat/worker.h"

namespace leat {

struct HttpTarget {
  std::string url;                              // as check_http_url() wants it
  Duration timeout = std::chrono::seconds(30);  // for one attempt; 1 ms or more
};

// The request has Leat-Job-Id, Leat-Kind, Leat-Attempt, Leat-Max-Attempts, and the job's own headers as they are, but
// for those that speak of the connection (Host, Content-Length, ...). Content-Type is application/json unless the job
// has another.
// 2xx: done, the body (its first 64 KiB) is the result. 408, 425, 429, 5xx and no response: a retry, after what
// Retry-After says if it says something. Other 4xx: dead at once. 3xx: a retry, because redirects are not followed. The
// error tells status and beginning of the body. Client and clock outlive the handler.
Handler make_http_handler(HttpClient& client, HttpTarget target, const Clock& clock = real_clock());

}  // namespace leat
