#include "leat/http_handler.h"

#include <algorithm>
#include <array>

#include "http/http_client.h"
#include "http/http_url.h"
#include "http/retry_after.h"
#include "jobs/names.h"

namespace leat {
namespace {

constexpr std::size_t kMostOfBody = 500;  // in an error
constexpr std::array<std::string_view, 10> kOfTheConnection{
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
    "TE",   "Trailer",        "Upgrade",           "Expect"};

bool is_passed_on(std::string_view name) {
  if (wire::is_reserved(name)) return false;
  return std::none_of(kOfTheConnection.begin(), kOfTheConnection.end(),
                      [name](std::string_view other) { return same_header_name(name, other); });
}

HttpHeaders headers_of(const JobContext& job) {
  HttpHeaders headers{{"Leat-Job-Id", job.id().str()},
                      {"Leat-Kind", std::string(job.kind())},
                      {"Leat-Attempt", std::to_string(job.attempt())},
                      {"Leat-Max-Attempts", std::to_string(job.max_attempts())}};
  bool typed = false;
  for (const auto& [name, value] : job.headers()) {
    if (!is_passed_on(name)) continue;
    typed = typed || same_header_name(name, "Content-Type");
    headers.emplace_back(name, value);
  }
  if (!typed) headers.emplace_back("Content-Type", "application/json");
  return headers;
}

std::string error_of(const HttpResponse& response, const std::string& server) {
  std::string error = server + " answers " + std::to_string(response.status);
  if (response.status < 400) error += ": redirects are not followed, give the URL it leads to";
  const auto first = response.body.find_first_not_of(" \t\r\n");
  if (first != std::string::npos) error += ": " + response.body.substr(first, kMostOfBody);
  return error;
}

bool is_for_ever(int status) {
  return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

Outcome outcome_of(HttpResponse response, const std::string& server, SystemTime now) {
  if (response.status >= 200 && response.status < 300) return Outcome::done(std::move(response.body));
  std::string error = error_of(response, server);
  if (is_for_ever(response.status)) return Outcome::dead(std::move(error));
  if (const auto wait = retry_after(response, now)) return Outcome::retry_after(*wait, std::move(error));
  return Outcome::retry(std::move(error));
}

}  // namespace

Result<Handler> http_handler(std::string url, HttpHandlerOptions options, Clock& clock) {
  if (auto checked = check_http_url(url); !checked) return checked.error();
  if (options.timeout < std::chrono::milliseconds(1))
    return Error(ErrorCode::kInvalidArgument, "the timeout of an HTTP handler is less than 1 ms");
  const std::string server = public_part(url);
  auto client = std::make_shared<HttpClient>(
      HttpClientOptions{.user_agent = std::move(options.user_agent), .ca_file = std::move(options.ca_file)});
  return Handler(
      [client = std::move(client), &clock, server, url = std::move(url), timeout = options.timeout](JobContext& job) {
        auto response = client->send(
            {.url = url, .headers = headers_of(job), .body = job.payload(), .timeout = timeout}, job.stop_token());
        if (!response && response.error().code() == ErrorCode::kInvalidArgument)
          return Outcome::dead(response.error().message());
        if (!response) return Outcome::retry(response.error().message());
        if (!*response) return Outcome::retry(server + ": stopped before it answered");
        return outcome_of(std::move(**response), server, clock.now());
      });
}

}  // namespace leat
