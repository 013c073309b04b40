// Jobs that are posted to an HTTP server; the server beside it stands for one in any language.
#include <httplib.h>
#include <leat/json.h>
#include <leat/leat.h>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

struct Resize {
  std::string path;
  static constexpr std::string_view kind = "resize";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Resize, path)

int main() {
  httplib::Server server;
  server.Post("/resize", [](const httplib::Request& request, httplib::Response& response) {
    const bool is_image = request.body.find(".jpg") != std::string::npos;
    response.status = is_image ? 200 : 422;  // no other attempt will heal that
    response.set_content(is_image ? "resized " + request.body : "no image", "text/plain");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  const std::jthread serving([&] { server.listen_after_bind(); });

  auto broker = leat::open_broker("sqlite:http_handler.db").value();
  leat::Worker worker{*broker, {.concurrency = 2}};
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/resize";
  worker.handle("resize", leat::http_handler(url, {.timeout = 10s}).value());
  worker.start().value();

  leat::Queue queue{*broker};
  leat::Results results{*broker};
  for (const char* path : {"cat.jpg", "notes.txt"}) {
    const leat::JobId id = queue.push(Resize{path}, {.result = leat::KeepResult::kYes}).value();
    const leat::JobResult result = results.wait(id, 30s).value().value();
    const bool is_done = result.state == leat::JobResult::State::kDone;
    std::cout << (is_done ? "done: " + result.value : "dead") << std::endl;
  }
  worker.stop();
  server.stop();
}
