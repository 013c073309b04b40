#include "http/http_url.h"

#include <curl/curl.h>

#include <memory>

namespace leat {
namespace {

struct UrlCleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using ParsedUrl = std::unique_ptr<CURLU, UrlCleanup>;

std::string part(const ParsedUrl& url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

// Null when it is no URL; `problem` then says why.
ParsedUrl parse(std::string_view text, std::string& problem) {
  ParsedUrl url(curl_url());
  if (text.find('\0') != text.npos) {
    problem = "it holds a zero byte";
    return nullptr;
  }
  const CURLUcode parsed = curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (parsed == CURLUE_OK) return url;
  problem = parsed == CURLUE_BAD_SCHEME ? "it has no scheme" : curl_url_strerror(parsed);
  return nullptr;
}

}  // namespace

Result<void> check_http_url(std::string_view url) {
  std::string problem;
  if (const ParsedUrl parsed = parse(url, problem)) {
    const std::string scheme = part(parsed, CURLUPART_SCHEME);
    if (scheme == "http" || scheme == "https") return {};
    problem = "its scheme is " + scheme;
  }
  return Error(ErrorCode::kInvalidArgument,
               "this is no HTTP URL: " + problem + "; expected http://HOST/... or https://HOST/...");
}

std::string public_part(std::string_view url) {
  std::string problem;
  const ParsedUrl parsed = parse(url, problem);
  if (!parsed) return "(no URL)";
  const std::string port = part(parsed, CURLUPART_PORT);
  return part(parsed, CURLUPART_SCHEME) + "://" + part(parsed, CURLUPART_HOST) + (port.empty() ? "" : ":" + port) +
         part(parsed, CURLUPART_PATH);
}

}  // namespace leat
