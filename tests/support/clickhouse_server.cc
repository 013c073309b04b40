#include "tests/support/clickhouse_server.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "http/http_client.h"
#include "tests/support/nats_server.h"
#include "tests/support/process_launcher.h"

namespace leat::test {
namespace {

constexpr const char* kServer = "/usr/sbin/clickhouse-server";
constexpr std::chrono::seconds kReady{60};  // libchdb is half a gigabyte, and may come from a cold disk

bool answers(const std::string& address) {
  HttpClient client;
  const auto response = client.send(
      {.method = HttpRequest::Method::kGet, .url = "http://" + address + "/ping", .timeout = std::chrono::seconds(2)});
  return response && *response && (*response)->status == 200;
}

constexpr const char* kUsers = R"(<yandex>
<profiles><default><max_memory_usage>2000000000</max_memory_usage>
<allow_experimental_low_cardinality_type>1</allow_experimental_low_cardinality_type></default></profiles>
<users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
<ada><password>se:cr@t</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></ada>
</users>
<quotas><default><interval><duration>3600</duration><queries>0</queries><errors>0</errors><result_rows>0</result_rows>
<read_rows>0</read_rows><execution_time>0</execution_time></interval></default></quotas>
</yandex>
)";

}  // namespace

std::string why_not(ClickHouseKind kind) {
  if (kind == ClickHouseKind::kDebian) {
    return access(kServer, X_OK) == 0 ? "" : "no clickhouse-server: tools/install_packages.sh clickhouse";
  }
  return access(LEAT_CHDB, R_OK) == 0 ? "" : "no libchdb: tools/fetch_engines.sh";
}

ClickHouseServer::ClickHouseServer(ClickHouseKind kind) : kind_(kind) {
  if (const std::string missing = why_not(kind); !missing.empty()) throw std::runtime_error(missing);
  // Somebody else may take a free port before the server does.
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    port_ = free_port();
    tcp_port_ = free_port();
    write_config();
    if (launch_and_wait()) return;
  }
  throw std::runtime_error("ClickHouse does not start: " + log_tail());
}

ClickHouseServer::~ClickHouseServer() {
  stop(Shutdown::kKill);
}

std::string ClickHouseServer::url(const std::string& parameters) const {
  return "clickhouse://" + address() + parameters;
}

std::vector<std::string> ClickHouseServer::command() const {
  const std::string directory = directory_.path().string();
  if (kind_ == ClickHouseKind::kDebian) return {kServer, "--config-file=" + directory + "/config.xml"};
  return {LEAT_CHDB_FRONT, LEAT_CHDB, directory + "/data", std::to_string(port_)};
}

void ClickHouseServer::write_config() const {
  const std::string directory = directory_.path().string();
  for (const char* folder : {"data", "tmp", "files", "schemas"}) {
    std::filesystem::create_directories(directory_.path() / folder);
  }
  std::ofstream(directory + "/users.xml") << kUsers;
  std::ofstream(directory + "/config.xml")
      << "<yandex><logger><level>warning</level><log>" << directory << "/server.log</log><errorlog>" << directory
      << "/server.log</errorlog></logger>\n<http_port>" << port_ << "</http_port><tcp_port>" << tcp_port_
      << "</tcp_port><listen_host>127.0.0.1</listen_host>\n<max_connections>64</max_connections>"
      << "<max_concurrent_queries>50</max_concurrent_queries><uncompressed_cache_size>0</uncompressed_cache_size>"
      << "<mark_cache_size>67108864</mark_cache_size>\n<path>" << directory << "/data/</path><tmp_path>" << directory
      << "/tmp/</tmp_path><user_files_path>" << directory << "/files/</user_files_path><format_schema_path>"
      << directory << "/schemas/</format_schema_path>\n<users_config>users.xml</users_config>"
      << "<default_profile>default</default_profile><default_database>default</default_database>"
      << "<timezone>UTC</timezone></yandex>\n";
}

bool ClickHouseServer::launch_and_wait() {
  pid_ = launch(command(), (directory_.path() / "output.log").string());
  if (wait_until_ready(pid_, kReady, [this] { return answers(address()); })) return true;
  end_process(pid_, SIGKILL);
  pid_ = -1;
  return false;
}

std::string ClickHouseServer::log_tail() const {
  std::string text;
  for (const char* name : {"output.log", "server.log"}) {
    std::ifstream file(directory_.path() / name);
    text.append((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  }
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

void ClickHouseServer::stop(Shutdown how) {
  if (pid_ <= 0) return;
  end_process(pid_, how == Shutdown::kKill ? SIGKILL : SIGTERM);
  pid_ = -1;
}

void ClickHouseServer::start() {
  if (pid_ > 0) return;
  if (!launch_and_wait()) throw std::runtime_error("ClickHouse does not start again: " + log_tail());
}

}  // namespace leat::test
