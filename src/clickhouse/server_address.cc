#include "clickhouse/http_engine.h"
#include "core/text.h"

namespace leat {
namespace {

Error invalid_address(std::string message) {
  return {ErrorCode::kInvalidArgument, "ClickHouse URL: " + std::move(message)};
}

Result<ServerAddress::Compress> compress_named(const std::string& text) {
  using enum ServerAddress::Compress;
  if (text == "auto") return kAuto;
  if (text == "none") return kNone;
  if (text == "gzip") return kGzip;
  if (text == "zstd") return kZstd;
  return invalid_address("compression is auto, zstd, gzip or none, not \"" + text + "\"");
}

Result<bool> tls_named(const std::string& text) {
  if (text == "yes" || text == "no") return text == "yes";
  return invalid_address("tls is yes or no, not \"" + text + "\"");
}

Result<void> set_duration(Duration& target, const std::string& name, const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration) return invalid_address(name + ": " + duration.error().message());
  if (*duration < std::chrono::milliseconds(1)) return invalid_address(name + " must be 1ms or more");
  target = *duration;
  return {};
}

Result<void> set_parameter(ServerAddress& address, bool& tls, const std::string& name, const std::string& value) {
  if (name == "timeout") return set_duration(address.timeout, name, value);
  if (name == "connect_timeout") return set_duration(address.connect_timeout, name, value);
  if (name == "ca_file") {
    address.ca_file = value;
    return {};
  }
  if (name == "compression") {
    const auto how = compress_named(value);
    if (how) address.compress = *how;
    return how ? Result<void>() : how.error();
  }
  if (name == "tls") {
    const auto wanted = tls_named(value);
    if (wanted) tls = *wanted;
    return wanted ? Result<void>() : wanted.error();
  }
  return invalid_address("there is no parameter " + name +
                         "; there are compression, tls, ca_file, timeout, connect_timeout");
}

// The database from the path: "/events".
Result<std::string> database_of(const std::string& path) {
  const std::string name = path.substr(path.starts_with('/') ? 1 : 0);
  if (name.find('/') == name.npos) return name;
  return invalid_address("\"" + path + "\" is no database: expected /DATABASE after the host");
}

}  // namespace

Result<ServerAddress> server_address(std::string_view text) {
  auto url = parse_url(text);
  if (!url) {
    std::string_view message = url.error().message();
    constexpr std::string_view kOther = "broker URL: ";
    if (message.starts_with(kOther)) message.remove_prefix(kOther.size());
    return invalid_address(std::string(message));
  }
  if (url->hosts.size() != 1) return invalid_address("one host is expected, as in clickhouse://HOST:8123/DATABASE");
  ServerAddress address;
  bool tls = url->scheme == "https";
  for (const auto& [name, value] : url->params) {
    if (auto set = set_parameter(address, tls, name, value); !set) return set.error();
  }
  auto database = database_of(url->path);
  if (!database) return database.error();
  const Url::Host& host = url->hosts.front();
  const bool v6 = host.name.find(':') != host.name.npos;
  address.url = (tls ? "https://" : "http://") + (v6 ? "[" + host.name + "]" : host.name) + ":" +
                std::to_string(host.port.value_or(tls ? 8443 : 8123)) + "/";
  address.local = host.name == "localhost" || host.name == "127.0.0.1" || host.name == "::1";
  address.user = url->user.value_or("");
  address.password = url->password.value_or("");
  address.database = std::move(*database);
  return address;
}

}  // namespace leat
