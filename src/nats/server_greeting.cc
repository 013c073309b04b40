#include "nats/server_greeting.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/mutex.h"

namespace leat::nats {
namespace {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool wait_ready(int fd, short events, SteadyTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - real_clock().steady());
  pollfd entry{fd, events, 0};
  return left.count() > 0 && poll(&entry, 1, static_cast<int>(left.count())) == 1;
}

Socket connect_to(const addrinfo& to, SteadyTime deadline) {
  Socket link(socket(to.ai_family, to.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to.ai_protocol));
  if (link.get() < 0) return link;
  if (connect(link.get(), to.ai_addr, to.ai_addrlen) != 0) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (errno != EINPROGRESS || !wait_ready(link.get(), POLLOUT, deadline) ||
        getsockopt(link.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
      return Socket(-1);
    }
  }
  return link;
}

Socket connect_any(const std::string& address, SteadyTime deadline) {
  const std::size_t colon = address.rfind(':');
  if (colon == address.npos) return Socket(-1);
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) return Socket(-1);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, freeaddrinfo);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (Socket link = connect_to(*each, deadline); link.get() >= 0) return link;
  }
  return Socket(-1);
}

}  // namespace

Result<ServerGreeting> parse_greeting(std::string_view line) {
  constexpr std::string_view kVerb = "INFO ";
  const Error none(ErrorCode::kCorrupt, "this is no greeting of a NATS server");
  if (!line.starts_with(kVerb)) return none;
  const auto json = nlohmann::json::parse(line.substr(kVerb.size()), nullptr, false);
  if (!json.is_object()) return none;
  const auto text = [&](const char* key) {
    const auto at = json.find(key);
    return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  ServerGreeting greeting{.version = text("version"), .domain = text("domain")};
  if (const auto at = json.find("api_lvl"); at != json.end() && at->is_number_integer()) greeting.api_level = *at;
  if (const auto at = json.find("jetstream"); at != json.end() && at->is_boolean()) greeting.jetstream = *at;
  return greeting;
}

Result<ServerGreeting> read_greeting(const std::string& address, std::chrono::milliseconds timeout) {
  constexpr std::size_t kMost = 64 << 10;
  const SteadyTime deadline = deadline_after(real_clock(), timeout);
  const Socket link = connect_any(address, deadline);
  if (link.get() < 0) return Error(ErrorCode::kUnavailable, "no NATS server answers at " + address);
  std::string line;
  std::array<char, 4096> chunk{};
  while (line.find('\n') == line.npos && line.size() < kMost && wait_ready(link.get(), POLLIN, deadline)) {
    const ssize_t got = recv(link.get(), chunk.data(), chunk.size(), 0);
    if (got <= 0) break;
    line.append(chunk.data(), static_cast<std::size_t>(got));
  }
  if (line.find('\n') == line.npos) return Error(ErrorCode::kUnavailable, address + " sends no NATS greeting");
  return parse_greeting(std::string_view(line).substr(0, line.find('\n')));
}

}  // namespace leat::nats
