#include <algorithm>
#include <array>

#include "core/text.h"
#include "core/url.h"
#include "leat/jetstream_broker.h"
#include "leat/memory_broker.h"
#include "leat/open.h"
#include "leat/sqlite_broker.h"

namespace leat {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, "broker URL: " + std::move(message)};
}

Result<void> check_params(const Url& url, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : url.params) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string names;
    for (const std::string_view one : known) names.append(names.empty() ? "" : ", ").append(one);
    return invalid("unknown parameter \"" + name + "\"; " + url.scheme + ": knows " + (names.empty() ? "none" : names));
  }
  return {};
}

std::string param(const Url& url, const std::string& name) {
  const auto found = url.params.find(name);
  return found == url.params.end() ? std::string() : found->second;
}

Result<std::unique_ptr<Broker>> open_memory(const Url& url, const OpenOptions& options) {
  if (auto checked = check_params(url, {}); !checked) return checked.error();
  if (!url.hosts.empty() || !url.path.empty()) return invalid("memory: stands alone; nothing follows it");
  return open_memory_broker({.clock = options.clock, .log = options.log});
}

constexpr std::string_view kSqliteAuthority = "sqlite://";

// Some programs take three slashes for a relative path, some for an absolute one.
Error sqlite_with_slashes(std::string_view text) {
  std::string path(text.substr(kSqliteAuthority.size()));
  path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
  if (path.empty()) path = "jobs.db";
  return invalid("sqlite: takes the path of a file, without //: write sqlite:/" + path +
                 " or, from the current directory, sqlite:" + path);
}

Result<std::unique_ptr<Broker>> open_sqlite(const Url& url, const OpenOptions& options) {
  if (auto checked = check_params(url, {"sync"}); !checked) return checked.error();
  if (!url.hosts.empty() || url.path.empty()) {
    return invalid("sqlite: takes the path of a file, as in sqlite:jobs.db or sqlite:/var/lib/app/jobs.db");
  }
  const std::string sync = param(url, "sync");
  if (!sync.empty() && sync != "full" && sync != "normal") return invalid("sync=" + sync + "; it is full or normal");
  return open_sqlite_broker(url.path,
                            {.sync = sync == "normal" ? SqliteOptions::Sync::kNormal : SqliteOptions::Sync::kFull,
                             .create = options.create,
                             .clock = options.clock,
                             .log = options.log});
}

std::string server_text(const Url::Host& host) {
  constexpr std::uint16_t kNatsPort = 4222;
  const bool v6 = host.name.find(':') != std::string::npos;
  return (v6 ? "[" + host.name + "]" : host.name) + ":" + std::to_string(host.port.value_or(kNatsPort));
}

Result<JetStreamOptions> jetstream_options(const Url& url) {
  if (url.hosts.empty()) return invalid(url.scheme + "://HOST[:PORT] is expected");
  if (!url.path.empty() && url.path != "/")
    return invalid("\"" + url.path + "\" follows the host; a NATS URL has no path");
  JetStreamOptions nats;
  nats.servers.clear();
  for (const Url::Host& host : url.hosts) nats.servers.push_back(server_text(host));
  if (url.password) {
    nats.user = url.user.value_or("");
    nats.password = *url.password;
  } else {
    nats.token = url.user.value_or("");
  }
  if (url.scheme == "tls") nats.tls = JetStreamOptions::Tls::kAlways;
  const std::array<std::pair<const char*, std::string*>, 8> texts{{{"creds", &nats.creds_file},
                                                                   {"nkey", &nats.nkey_seed_file},
                                                                   {"tls_ca", &nats.tls_ca},
                                                                   {"tls_cert", &nats.tls_cert},
                                                                   {"tls_key", &nats.tls_key},
                                                                   {"name", &nats.connection_name},
                                                                   {"domain", &nats.domain},
                                                                   {"prefix", &nats.api_prefix}}};
  for (const auto& [name, into] : texts) {
    if (auto value = param(url, name); !value.empty()) *into = std::move(value);
  }
  if (const std::string wait = param(url, "connect_timeout"); !wait.empty()) {
    const auto duration = parse_duration(wait);
    if (!duration) return invalid("connect_timeout: " + duration.error().message());
    if (*duration < std::chrono::milliseconds(1)) return invalid("connect_timeout must be 1ms or more");
    nats.connect_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
  }
  return nats;
}

Result<std::unique_ptr<Broker>> open_nats(const Url& url, const OpenOptions& options) {
  const auto known = {std::string_view("creds"),           std::string_view("nkey"),    std::string_view("tls_ca"),
                      std::string_view("tls_cert"),        std::string_view("tls_key"), std::string_view("name"),
                      std::string_view("connect_timeout"), std::string_view("domain"),  std::string_view("prefix")};
  if (auto checked = check_params(url, known); !checked) return checked.error();
  auto nats = jetstream_options(url);
  if (!nats) return nats.error();
  nats->clock = options.clock;
  nats->log = options.log;
  return open_jetstream_broker(*nats);
}

}  // namespace

Result<std::unique_ptr<Broker>> open_broker(std::string_view text, const OpenOptions& options) {
  if (text.starts_with(kSqliteAuthority)) return sqlite_with_slashes(text);
  const auto url = parse_url(text);
  if (!url) return url.error();
  if (url->scheme == "memory") return open_memory(*url, options);
  if (url->scheme == "sqlite") return open_sqlite(*url, options);
  if (url->scheme == "nats" || url->scheme == "tls") return open_nats(*url, options);
  return invalid("unknown scheme \"" + url->scheme + "\"; expected memory:, sqlite:FILE, nats://HOST or tls://HOST");
}

}  // namespace leat
