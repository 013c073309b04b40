#include "clickhouse/http_engine.h"

#include <algorithm>
#include <array>

#include "clickhouse/server_error.h"
#include "clickhouse/statement_text.h"
#include "core/base64.h"
#include "core/text.h"
#include "core/ulid.h"

namespace leat {
namespace {

constexpr std::size_t kMostAnswer = 64 * 1024 * 1024;
constexpr unsigned kTokensSince = 2202;  // 22.2
constexpr unsigned kZstdSince = 2101;    // 21.1

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '-' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      (out += '%') += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

// What the answer's status, header and body say; empty when it is good.
std::optional<ServerError> error_of(const HttpResponse& response) {
  const auto header = response.header("X-ClickHouse-Exception-Code");
  const auto code = header ? parse_number(*header) : std::nullopt;
  const bool bad = response.status != 200 || (code && *code != 0);
  if (!bad) return error_in_answer(response.body);
  ServerError error = parse_server_error(response.body, code ? std::optional(static_cast<int>(*code)) : std::nullopt);
  if (error.code == 0) {  // a proxy between, or no ClickHouse at all
    const bool busy = response.status == 429 || response.status >= 500;
    error.fault = busy ? ServerFault::kTransient : ServerFault::kStatement;
    error.text = "HTTP status " + std::to_string(response.status) + ": " + error.text.substr(0, 200);
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<ClickHouse>> HttpEngine::open(ServerAddress address, const OpenClickHouseOptions& options) {
  auto engine = std::make_unique<HttpEngine>(std::move(address), options);
  if (auto asked = engine->ask_facts(options.stop); !asked) {
    return Error(asked.error().code(), "ClickHouse at " + engine->facts_.address + ": " + asked.error().message());
  }
  return std::unique_ptr<ClickHouse>(std::move(engine));
}

HttpEngine::HttpEngine(ServerAddress address, const OpenClickHouseOptions& options)
    : address_(std::move(address)),
      clock_(options.clock != nullptr ? *options.clock : real_clock()),
      client_({.user_agent = "leat", .ca_file = address_.ca_file}),
      headers_{{"Content-Type", "application/octet-stream"}} {
  facts_.address = address_.url;
  if (!address_.user.empty() || !address_.password.empty()) {
    const std::string user = address_.user.empty() ? "default" : address_.user;
    headers_.emplace_back("Authorization", "Basic " + to_base64(user + ":" + address_.password));
  }
}

Result<void> HttpEngine::ask_facts(const std::stop_token& stop) {
  const auto rows = query_rows(*this, "SELECT version(), currentDatabase()", {.stop = stop});
  if (!rows) return rows.error();
  if (rows->size() != 1 || rows->front().size() != 2) return Error(ErrorCode::kInternal, "this is no ClickHouse");
  fill_version(facts_, rows->front()[0].value_or(""));
  facts_.database = rows->front()[1].value_or("");
  const unsigned version = facts_.major * 100 + facts_.minor;
  facts_.tokens = version >= kTokensSince;
  using enum ServerAddress::Compress;
  const bool zstd = address_.compress == kZstd || (address_.compress == kAuto && version >= kZstdSince);
  const bool none = address_.compress == kNone || (address_.compress == kAuto && address_.local);
  compression_ = none ? Compression::kNone : zstd ? Compression::kZstd : Compression::kGzip;
  return {};
}

std::string HttpEngine::url_with(std::span<const Parameter> parameters, const ClickHouseSettings& settings) const {
  std::string url = address_.url;
  char joint = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    url += joint;
    url += percent_encoded(name);
    url += '=';
    url += percent_encoded(value);
    joint = '&';
  };
  add("database", address_.database);
  for (const Parameter& parameter : parameters) add(parameter.name, parameter.value);
  for (const auto& [name, value] : settings) add(name, value);
  return url;
}

HttpRequest HttpEngine::request_to(std::string url, std::optional<Duration> timeout) const {
  return {.url = std::move(url),
          .headers = headers_,
          .timeout = timeout.value_or(address_.timeout),
          .connect_timeout = address_.connect_timeout,
          .max_body = kMostAnswer};
}

Result<void> HttpEngine::execute(std::string_view sql, const QueryOptions& options) {
  const auto answer = query(sql, options);
  return answer ? Result<void>() : answer.error();
}

// The server keeps its answer until it is whole, so that an error comes instead of it, not in the middle.
Result<std::string> HttpEngine::query(std::string_view sql, const QueryOptions& options) {
  const std::array parameters{Parameter{"query_id", options.query_id}, Parameter{"wait_end_of_query", "1"},
                              Parameter{"enable_http_compression", address_.local ? "" : "1"}};
  HttpRequest request = request_to(url_with(parameters, options.settings), options.timeout);
  request.body = sql;
  request.answer = HttpRequest::Answer::kMayBeCompressed;
  auto response = client_.send(request, options.stop);
  if (!response) return response.error();
  if (!*response) return Error(ErrorCode::kUnknown, "stopped before the answer came");
  if (const auto error = error_of(**response)) return error->error();
  if ((*response)->body_is == HttpResponse::Body::kCut) {
    return Error(ErrorCode::kInvalidArgument, "the answer is larger than 64 MB: ask for less at once");
  }
  return std::move((*response)->body);
}

Result<InsertAnswer> HttpEngine::insert(const InsertRequest& request, std::stop_token stop) {
  auto statement = insert_statement(request);
  if (!statement) return statement.error();
  const auto settings = insert_settings(request, facts_);
  if (!settings) return settings.error();
  const std::array parameters{Parameter{"query", *statement}, Parameter{"query_id", request.query_id}};
  HttpRequest http = request_to(url_with(parameters, *settings), request.timeout);
  http.body = request.rows;
  const std::string smaller = compress(request.rows, compression_);
  if (!smaller.empty()) {
    http.body = smaller;
    http.headers.emplace_back("Content-Encoding", content_encoding(compression_));
  }
  auto response = client_.send(http, std::move(stop));
  if (!response) return response.error();
  if (!*response) return InsertAnswer{InsertAnswer::Verdict::kStopped, 0, ""};
  const auto error = error_of(**response);
  if (!error) return InsertAnswer{};
  if (error->fault != ServerFault::kRow) return error->error();
  return InsertAnswer{InsertAnswer::Verdict::kRefused, error->code, error->text};
}

Result<bool> HttpEngine::is_running(std::string_view query_id) {
  const auto rows =
      query_rows(*this, "SELECT count() FROM system.processes WHERE query_id = " + quote_literal(query_id));
  if (!rows) return rows.error();
  return !rows->empty() && rows->front().front() != "0";
}

}  // namespace leat
