// Asks HTTP servers.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "http/http_message.h"
#include "leat/result.h"

namespace leat {

struct HttpClientOptions {
  std::string user_agent = "leat";
  std::string ca_file{};  // PEM: whom to trust instead of those whom the machine trusts
};

// Thread-safe: requests of several threads run side by side, each on a connection of its own. Connections are kept and
// used again. Proxies are taken from http_proxy, https_proxy and no_proxy, as other programs do.
class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient();  // no send() may be under way
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The server's response, whatever its status; redirects are not followed. Empty when `stop` was requested first: the
  // request may have arrived.
  // Errors: kInvalidArgument (URL, header), kUnavailable (it did not go out: no such host, no connection), kUnknown (it
  // went out, and no whole response came, in time or at all), kDenied (the server's certificate is not trusted). The
  // message names the server, and nothing secret.
  Result<std::optional<HttpResponse>> send(const HttpRequest& request, std::stop_token stop = {});

 private:
  class Line;

  std::unique_ptr<Line> take_line() LEAT_EXCLUDES(mutex_);
  void keep(std::unique_ptr<Line> line) LEAT_EXCLUDES(mutex_);

  const HttpClientOptions options_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Line>> idle_ LEAT_GUARDED_BY(mutex_);  // the last one used is the last
};

}  // namespace leat
