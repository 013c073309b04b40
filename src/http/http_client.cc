#include "http/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/text.h"
#include "http/http_url.h"

namespace leat {
namespace {

constexpr std::size_t kMostHeaderBytes = 64 * 1024;  // of a response; what comes after them is not kept
constexpr int kLongestPollMs = 60'000;               // curl wakes earlier for its own deadlines

struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCleanup>;

// What arrives, as curl hands it over.
struct Arrival {
  HttpResponse response;
  std::size_t max_body = 0;
  std::size_t header_bytes = 0;
};

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& arrival = *static_cast<Arrival*>(user);
  const std::string_view line(bytes, size * count);
  const auto colon = line.find(':');
  if (line.starts_with("HTTP/")) {  // an interim response may have come before
    arrival.response.headers.clear();
    arrival.header_bytes = 0;
  } else if (colon != line.npos && (arrival.header_bytes += line.size()) <= kMostHeaderBytes) {
    arrival.response.headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return size * count;
}

// Less than all that is there tells curl to end: the rest is not wanted.
std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& [response, max_body, header_bytes] = *static_cast<Arrival*>(user);
  const std::size_t all = size * count;
  const std::size_t taken = std::min(all, max_body - response.body.size());
  response.body.append(bytes, taken);
  if (taken < all) response.body_is = HttpResponse::Body::kCut;
  return taken;
}

long milliseconds(Duration duration) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<long>(std::clamp<std::int64_t>(count, 1, std::numeric_limits<std::int32_t>::max()));
}

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

void append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  static_cast<void>(list.release());
  list.reset(longer);
}

Result<HeaderList> header_list(const HttpHeaders& headers) {
  HeaderList list;
  append(list, "Expect:");  // else large bodies wait for leave to come
  for (const auto& [name, value] : headers) {
    if (name.empty() || name.find_first_of(": ;") != name.npos || !is_one_line(name) || !is_one_line(value)) {
      return Error(ErrorCode::kInvalidArgument,
                   "HTTP header \"" + name.substr(0, 100) + "\": its name or its value holds what none may");
    }
    append(list, value.empty() ? name + ";" : name + ": " + value);
  }
  return list;
}

ErrorCode code_of(CURLcode code, bool went_out) {
  if (code == CURLE_URL_MALFORMAT) return ErrorCode::kInvalidArgument;
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) return ErrorCode::kDenied;
  return went_out ? ErrorCode::kUnknown : ErrorCode::kUnavailable;
}

// Of curl, once per program; it stays.
void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(started);
}

}  // namespace

// Sends one request at a time, and keeps its connections for the next.
class HttpClient::Line {
 public:
  explicit Line(const HttpClientOptions& options)
      : options_(options), transfers_(curl_multi_init()), transfer_(curl_easy_init()) {}

  bool usable() const { return transfers_ != nullptr && transfer_ != nullptr; }
  Result<std::optional<HttpResponse>> send(const HttpRequest& request, const std::stop_token& stop);

 private:
  struct MultiCleanup {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  struct EasyCleanup {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  void prepare(const HttpRequest& request, curl_slist* headers);
  std::optional<CURLcode> transfer(const std::stop_token& stop);
  std::optional<CURLcode> ending() const;
  Error error_of(CURLcode code, const HttpRequest& request) const;

  const HttpClientOptions& options_;
  std::unique_ptr<CURLM, MultiCleanup> transfers_;
  std::unique_ptr<CURL, EasyCleanup> transfer_;
  std::array<char, CURL_ERROR_SIZE> problem_{};
  Arrival arrival_;
};

Result<std::optional<HttpResponse>> HttpClient::Line::send(const HttpRequest& request, const std::stop_token& stop) {
  auto headers = header_list(request.headers);
  if (!headers) return headers.error();
  arrival_ = Arrival{.response = {}, .max_body = request.max_body};
  prepare(request, headers->get());
  const auto ended = transfer(stop);
  if (!ended) return std::optional<HttpResponse>();
  const bool cut = *ended == CURLE_WRITE_ERROR && arrival_.response.body_is == HttpResponse::Body::kCut;
  if (*ended != CURLE_OK && !cut) return error_of(*ended, request);
  long status = 0;
  curl_easy_getinfo(transfer_.get(), CURLINFO_RESPONSE_CODE, &status);
  arrival_.response.status = static_cast<int>(status);
  return std::optional<HttpResponse>(std::move(arrival_.response));
}

void HttpClient::Line::prepare(const HttpRequest& request, curl_slist* headers) {
  CURL* easy = transfer_.get();
  curl_easy_reset(easy);
  problem_.front() = '\0';
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem_.data());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &arrival_);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &arrival_);
  if (request.answer == HttpRequest::Answer::kMayBeCompressed) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  if (request.method == HttpRequest::Method::kGet) return;
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
}

// Empty when it was stopped: the connection goes then.
std::optional<CURLcode> HttpClient::Line::transfer(const std::stop_token& stop) {
  CURLM* multi = transfers_.get();
  if (curl_multi_add_handle(multi, transfer_.get()) != CURLM_OK) return CURLE_FAILED_INIT;
  std::optional<CURLcode> ended;
  {
    const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
    while (!ended && !stop.stop_requested()) {
      int running = 0;
      const CURLMcode performed = curl_multi_perform(multi, &running);
      if (performed != CURLM_OK) ended = CURLE_FAILED_INIT;
      if (performed == CURLM_OK && running == 0) ended = ending();
      if (!ended) curl_multi_poll(multi, nullptr, 0, kLongestPollMs, nullptr);
    }
  }
  curl_multi_remove_handle(multi, transfer_.get());
  return ended;
}

std::optional<CURLcode> HttpClient::Line::ending() const {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(transfers_.get(), &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return std::nullopt;
}

Error HttpClient::Line::error_of(CURLcode code, const HttpRequest& request) const {
  long sent = 0;
  curl_easy_getinfo(transfer_.get(), CURLINFO_REQUEST_SIZE, &sent);
  const std::string_view detail = problem_.front() != '\0' ? problem_.data() : curl_easy_strerror(code);
  return {code_of(code, sent > 0), public_part(request.url) + ": " + std::string(detail)};
}

HttpClient::HttpClient(HttpClientOptions options) : options_(std::move(options)) {
  start_curl();
}

HttpClient::~HttpClient() = default;

Result<std::optional<HttpResponse>> HttpClient::send(const HttpRequest& request, std::stop_token stop) {
  if (auto checked = check_http_url(request.url); !checked) return checked.error();
  if (stop.stop_requested()) return std::optional<HttpResponse>();
  std::unique_ptr<Line> line = take_line();
  if (!line->usable()) return Error(ErrorCode::kUnavailable, "no memory for an HTTP request");
  auto response = line->send(request, stop);
  keep(std::move(line));
  return response;
}

std::unique_ptr<HttpClient::Line> HttpClient::take_line() {
  MutexLock lock(mutex_);
  if (idle_.empty()) return std::make_unique<Line>(options_);
  std::unique_ptr<Line> line = std::move(idle_.back());
  idle_.pop_back();
  return line;
}

void HttpClient::keep(std::unique_ptr<Line> line) {
  MutexLock lock(mutex_);
  idle_.push_back(std::move(line));
}

}  // namespace leat
