// Answers GET requests: a small server for probes and pages of a program about itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "http/http_message.h"
#include "leat/result.h"

namespace leat {

// Where a server listens: "8081" (on 127.0.0.1), "HOST:PORT" or "[ADDRESS]:PORT".
struct HttpAddress {
  std::string host;
  std::uint16_t port = 0;  // 0: a free one

  std::string text() const;  // in the form that it is written in
};

// Errors: kInvalidArgument, saying what is expected.
Result<HttpAddress> parse_http_address(std::string_view text);

// Thread-safe. The destructor stops it and waits for answers that are under way, up to about a second more for clients
// that are silent. The process ignores SIGPIPE from the first one on.
class HttpServer {
 public:
  // Called on threads of the server, several at a time; must not throw.
  using Page = std::function<HttpResponse()>;

  // Listens, and answers GET and HEAD of each path by its page, anything else by 404. Every answer ends its connection.
  // Errors: kConflict (somebody listens there), kInvalidArgument (this machine has no such address).
  static Result<std::unique_ptr<HttpServer>> start(const HttpAddress& address, std::map<std::string, Page> pages);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // With the port that was chosen.
  const HttpAddress& address() const;

 private:
  class Listener;
  explicit HttpServer(std::unique_ptr<Listener> listener);
  std::unique_ptr<Listener> listener_;
};

}  // namespace leat
