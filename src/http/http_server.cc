#include "http/http_server.h"

#include <sys/socket.h>

#include <httplib.h>
#include <cerrno>
#include <cstring>

#include "core/text.h"
#include "core/thread.h"

namespace leat {
namespace {

constexpr time_t kSilentSeconds = 1;  // a client that says nothing for so long is hung up on
constexpr std::size_t kThreads = 4;

void fill(httplib::Response& to, HttpResponse from) {
  to.status = from.status;
  std::string type = "text/plain";
  for (auto& [name, value] : from.headers) {
    if (same_header_name(name, "Content-Type")) {
      type = value;
    } else {
      to.set_header(name, value);
    }
  }
  to.set_content(from.body, type);
}

// The library's own options would let two programs listen on the same port, each getting some of the connections.
void reuse_after_restart(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

}  // namespace

std::string HttpAddress::text() const {
  const bool v6 = host.find(':') != host.npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<HttpAddress> parse_http_address(std::string_view text) {
  const Error wrong(ErrorCode::kInvalidArgument,
                    "\"" + std::string(text) + "\" is no address: write PORT, HOST:PORT or [ADDRESS]:PORT");
  HttpAddress address{.host = "127.0.0.1"};
  const std::size_t colon = text.rfind(':');
  if (colon != text.npos) {
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host.empty() || (host.find(':') != host.npos) != bracketed) return wrong;
    if (host.find_first_of("[]/ \t\n") != host.npos) return wrong;
    address.host = host;
  }
  const auto port = parse_number(colon == text.npos ? text : text.substr(colon + 1));
  if (!port || *port > UINT16_MAX) return wrong;
  address.port = static_cast<std::uint16_t>(*port);
  return address;
}

class HttpServer::Listener {
 public:
  explicit Listener(std::map<std::string, Page> pages) : pages_(std::move(pages)) {
    server_.new_task_queue = [] { return std::make_unique<httplib::ThreadPool>(kThreads).release(); };
    server_.set_keep_alive_max_count(1);
    server_.set_keep_alive_timeout(kSilentSeconds);
    server_.set_read_timeout(kSilentSeconds);
    server_.set_write_timeout(kSilentSeconds);
    server_.set_payload_max_length(0);
    server_.set_socket_options(reuse_after_restart);
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const auto page = pages_.find(request.path);
      fill(response, page == pages_.end() ? HttpResponse{.status = 404, .body = "not found\n"} : page->second());
    });
  }
  ~Listener() { server_.stop(); }

  Result<void> listen(HttpAddress address) {
    errno = 0;
    const int port = address.port == 0                                       ? server_.bind_to_any_port(address.host)
                     : server_.bind_to_port(address.host, int{address.port}) ? int{address.port}
                                                                             : -1;
    if (port <= 0) {
      const std::string reason = errno == 0 ? "no such host" : std::strerror(errno);
      return Error(errno == EADDRINUSE ? ErrorCode::kConflict : ErrorCode::kInvalidArgument,
                   "cannot listen on " + address.text() + ": " + reason);
    }
    address_ = {.host = std::move(address.host), .port = static_cast<std::uint16_t>(port)};
    thread_ = start_thread("http-server", [this](const std::stop_token&) { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();  // before that it could not be stopped
    return {};
  }
  const HttpAddress& address() const { return address_; }

 private:
  const std::map<std::string, Page> pages_;
  httplib::Server server_;
  HttpAddress address_;
  Thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Listener> listener) : listener_(std::move(listener)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpAddress& address, std::map<std::string, Page> pages) {
  auto listener = std::make_unique<Listener>(std::move(pages));
  if (auto listening = listener->listen(address); !listening) return listening.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(listener)));
}

const HttpAddress& HttpServer::address() const {
  return listener_->address();
}

}  // namespace leat
