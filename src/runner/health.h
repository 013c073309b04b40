// Answers probes over HTTP from named checks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "http/http_server.h"
#include "leat/runner.h"

namespace leat {

// Checks are added before listen(); the rest is thread-safe.
class Health {
 public:
  void add_live(std::string name, Runner::Check check) { live_.push_back({std::move(name), std::move(check)}); }
  void add_ready(std::string name, Runner::Check check) { ready_.push_back({std::move(name), std::move(check)}); }

  // Errors: as parse_http_address() and HttpServer::start().
  Result<void> listen(const std::string& address) LEAT_EXCLUDES(mutex_);
  void close() LEAT_EXCLUDES(mutex_);
  // Empty while it does not listen.
  std::string address() const LEAT_EXCLUDES(mutex_);

 private:
  struct NamedCheck {
    std::string name;
    Runner::Check check;
  };
  static HttpResponse answer(const std::vector<NamedCheck>& checks);

  std::vector<NamedCheck> live_;
  std::vector<NamedCheck> ready_;
  mutable Mutex mutex_;
  std::unique_ptr<HttpServer> server_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
