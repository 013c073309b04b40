// What goes to an HTTP server and what comes back.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/clock.h"

namespace leat {

// Names and values without line breaks.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// True when both are the same name of a header: in HTTP, letters count in either case.
inline bool same_header_name(std::string_view one, std::string_view other) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [lower](char a, char b) { return lower(a) == lower(b); });
}

struct HttpRequest {
  enum class Method { kGet, kPost } method = Method::kPost;
  std::string url;        // http or https; user and password in it are sent by basic authentication
  HttpHeaders headers{};  // instead of what would be sent otherwise
  std::string_view body{};
  Duration timeout = std::chrono::seconds(30);          // for all of it; 1 ms or more
  Duration connect_timeout = std::chrono::seconds(10);  // for the part until the connection stands; 1 ms or more
  std::size_t max_body = 64 * 1024;                     // of the response that is kept
  // kMayBeCompressed: the server is told that it may compress; the response has the body as it was before.
  enum class Answer { kPlain, kMayBeCompressed } answer = Answer::kPlain;
};

struct HttpResponse {
  int status = 0;  // 100 to 599
  HttpHeaders headers{};
  std::string body{};
  enum class Body { kWhole, kCut } body_is = Body::kWhole;  // kCut: the beginning, max_body bytes

  // The value of the first header of this name.
  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto& [known, value] : headers) {
      if (same_header_name(known, name)) return value;
    }
    return std::nullopt;
  }
};

}  // namespace leat
