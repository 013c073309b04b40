#include "runner/health.h"

#include <nlohmann/json.hpp>

#include "core/thrown.h"

namespace leat {

Result<void> Health::listen(const std::string& address) {
  const auto parsed = parse_http_address(address);
  if (!parsed) return parsed.error();
  auto server = HttpServer::start(
      *parsed, {{"/live", [this] { return answer(live_); }}, {"/ready", [this] { return answer(ready_); }}});
  if (!server) return server.error();
  MutexLock lock(mutex_);
  server_ = std::move(*server);
  return {};
}

void Health::close() {
  std::unique_ptr<HttpServer> closing;
  MutexLock lock(mutex_);
  closing = std::move(server_);
}

std::string Health::address() const {
  MutexLock lock(mutex_);
  return server_ == nullptr ? std::string() : server_->address().text();
}

HttpResponse Health::answer(const std::vector<NamedCheck>& checks) {
  nlohmann::json failing = nlohmann::json::array();
  for (const NamedCheck& named : checks) {
    const auto well = result_of(named.check);
    if (!well) failing.push_back({{"check", named.name}, {"error", well.error().message()}});
  }
  const bool ok = failing.empty();
  const nlohmann::json body{{"ok", ok}, {"failing", std::move(failing)}};
  return {.status = ok ? 200 : 503,
          .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

}  // namespace leat
