// A real HTTP server for tests, on 127.0.0.1 and a free port, in the test's own process.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <httplib.h>

#include "core/thread.h"
#include "tests/support/nats_credentials.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {

// Answers POST and GET of every path by `answer`, on threads of its own. The destructor waits for what it answers.
class HttpServer {
 public:
  enum class Tls { kNo, kYes };

  explicit HttpServer(httplib::Server::Handler answer, Tls tls = Tls::kNo)
      : scheme_(tls == Tls::kYes ? "https" : "http") {
    if (tls == Tls::kYes) make_certificates(directory_.path());
    server_ = tls == Tls::kYes ? std::make_unique<httplib::SSLServer>((directory_.path() / "server.pem").c_str(),
                                                                      (directory_.path() / "server.key").c_str())
                               : std::make_unique<httplib::Server>();
    server_->set_keep_alive_timeout(1);  // seconds; the destructor may wait for it
    server_->Post(".*", answer);
    server_->Get(".*", std::move(answer));
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = start_thread("http", [this](const std::stop_token&) { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();
  }
  ~HttpServer() { server_->stop(); }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url(const std::string& path = "/") const {
    return scheme_ + "://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::string ca_file() const { return (directory_.path() / "ca.pem").string(); }  // of one with TLS

 private:
  TemporaryDirectory directory_;
  std::string scheme_;
  std::unique_ptr<httplib::Server> server_;
  int port_ = 0;
  Thread thread_;
};

}  // namespace leat::test
