#include "clickhouse/embedded_engine.h"
#include "clickhouse/http_engine.h"

namespace leat {
namespace {

constexpr std::string_view kEmbedded = "chdb:";

bool is_server_url(std::string_view url) {
  return url.starts_with("clickhouse://") || url.starts_with("http://") || url.starts_with("https://");
}

}  // namespace

bool is_clickhouse_url(std::string_view url) {
  return url.starts_with(kEmbedded) || is_server_url(url);
}

Result<std::unique_ptr<ClickHouse>> open_clickhouse(std::string_view url, const OpenClickHouseOptions& options) {
  if (url.starts_with(kEmbedded)) return EmbeddedEngine::open(std::string(url.substr(kEmbedded.size())), options);
  if (!is_server_url(url)) {
    return Error(ErrorCode::kInvalidArgument,
                 "this is no URL of ClickHouse: expected clickhouse://HOST:8123/DATABASE, https://HOST or chdb:PATH");
  }
  auto address = server_address(url);
  if (!address) return address.error();
  return HttpEngine::open(std::move(*address), options);
}

}  // namespace leat
