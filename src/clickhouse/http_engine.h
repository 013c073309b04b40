// ClickHouse behind its HTTP interface.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "clickhouse/compression.h"
#include "core/url.h"
#include "http/http_client.h"
#include "leat/clickhouse.h"

namespace leat {

// What a URL says of a server.
struct ServerAddress {
  std::string url;         // "https://host:8443/", without secrets
  std::string user{};      // secret
  std::string password{};  // secret
  std::string database{};
  std::string ca_file{};
  enum class Compress { kAuto, kNone, kGzip, kZstd } compress = Compress::kAuto;
  bool local = false;  // this machine
  Duration timeout = std::chrono::seconds(30);
  Duration connect_timeout = std::chrono::seconds(10);
};

// Errors: kInvalidArgument, naming the part.
Result<ServerAddress> server_address(std::string_view url);

class HttpEngine : public ClickHouse {
 public:
  // Asks the server for its version.
  static Result<std::unique_ptr<ClickHouse>> open(ServerAddress address, const OpenClickHouseOptions& options);

  HttpEngine(ServerAddress address, const OpenClickHouseOptions& options);

  const ClickHouseFacts& facts() const override { return facts_; }
  Result<void> execute(std::string_view sql, const QueryOptions& options) override;
  Result<std::string> query(std::string_view sql, const QueryOptions& options) override;
  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override;
  Result<bool> is_running(std::string_view query_id) override;

 private:
  struct Parameter {
    std::string_view name;
    std::string_view value;
  };

  Result<void> ask_facts(const std::stop_token& stop);
  std::string url_with(std::span<const Parameter> parameters, const ClickHouseSettings& settings) const;
  HttpRequest request_to(std::string url, std::optional<Duration> timeout) const;

  const ServerAddress address_;
  Clock& clock_;
  HttpClient client_;
  HttpHeaders headers_;  // of every request; secret
  ClickHouseFacts facts_;
  Compression compression_ = Compression::kNone;
};

}  // namespace leat
