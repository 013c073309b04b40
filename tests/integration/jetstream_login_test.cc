// Who may connect to a NATS server, how, and what the others are told.
#include <gtest/gtest.h>

#include <fstream>

#include "core/mutex.h"
#include "core/ulid.h"
#include "leat/jetstream_broker.h"
#include "leat/open.h"
#include "tests/support/nats_credentials.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

constexpr std::string_view kSecret = "s3cr3t-word";

// Keeps every line, to look for what must not be in it.
class LineLog : public Log {
 public:
  LineLog() : Log(LogLevel::kDebug) {}
  std::string text() {
    MutexLock lock(mutex_);
    return text_;
  }

 protected:
  void write(LogLevel, std::string_view message, std::initializer_list<LogField> fields) override {
    MutexLock lock(mutex_);
    text_ += message;
    for (const LogField& field : fields) text_ += " " + field.value;
    text_ += '\n';
  }

 private:
  Mutex mutex_;
  std::string text_ LEAT_GUARDED_BY(mutex_);
};

void expect_stores(Broker& broker) {
  ASSERT_TRUE(broker.ensure_stream({.name = "s", .subjects = {"s.>"}}));
  const AppendRequest request{.message = {.subject = "s.a", .payload = "x"},
                              .message_id = make_ulid(real_clock().now())};
  const auto appended = broker.append("s", {&request, 1});
  EXPECT_TRUE(appended.front()) << appended.front().error().message();
}

void expect_works(const JetStreamOptions& options) {
  const auto broker = open_jetstream_broker(options);
  ASSERT_TRUE(broker) << broker.error().message();
  expect_stores(**broker);
}

// Also after the connection was lost, of which the log tells.
void expect_url_works(NatsServer& server, const std::string& url, const std::string& secret) {
  LineLog log;
  const auto broker = open_broker(url, {.log = &log});
  ASSERT_TRUE(broker) << broker.error().message();
  expect_stores(**broker);
  server.stop(NatsServer::Shutdown::kKill);
  server.start();
  expect_stores(**broker);
  EXPECT_NE(log.text(), "");
  EXPECT_EQ(log.text().find(secret), std::string::npos) << log.text();
}

void expect_url_error(const std::string& url, ErrorCode code, std::string_view words, const std::string& secret) {
  LineLog log;
  const auto broker = open_broker(url, {.log = &log});
  ASSERT_FALSE(broker);
  EXPECT_EQ(to_string(broker.error().code()), to_string(code)) << broker.error().message();
  EXPECT_NE(broker.error().message().find(words), std::string::npos) << broker.error().message();
  EXPECT_EQ(broker.error().message().find(secret), std::string::npos) << broker.error().message();
  EXPECT_EQ(log.text().find(secret), std::string::npos) << log.text();
}

void expect_error(const JetStreamOptions& options, ErrorCode code, std::string_view words) {
  const auto broker = open_jetstream_broker(options);
  ASSERT_FALSE(broker);
  EXPECT_EQ(to_string(broker.error().code()), to_string(code)) << broker.error().message();
  EXPECT_NE(broker.error().message().find(words), std::string::npos) << broker.error().message();
  EXPECT_EQ(broker.error().message().find(kSecret), std::string::npos) << broker.error().message();
}

std::string write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  return path.string();
}

// The configuration of a server that asks for certificates, too, with those that make_certificates() put there.
std::string tls_on_both_sides(const std::filesystem::path& directory) {
  const auto file = [&](const char* name) { return "\"" + (directory / name).string() + "\""; };
  return "tls { cert_file: " + file("server.pem") + ", key_file: " + file("server.key") +
         ", ca_file: " + file("ca.pem") + ", verify: true }";
}

class JetStreamLogin : public testing::TestWithParam<NatsBinary> {};

TEST_P(JetStreamLogin, UserAndPassword) {
  NatsServer server({.binary = GetParam(), .config = "authorization { user: ada, password: \"s3cr3t-word\" }"});
  LineLog log;
  JetStreamOptions options{.servers = {server.address()}, .user = "ada", .password = std::string(kSecret), .log = &log};
  expect_works(options);
  options.user = "eve";
  expect_error(options, ErrorCode::kDenied, server.address());
  expect_error({.servers = {server.address()}}, ErrorCode::kDenied, "credentials");
  EXPECT_EQ(log.text().find(kSecret), std::string::npos);
}

TEST_P(JetStreamLogin, Token) {
  NatsServer server({.binary = GetParam(), .config = "authorization { token: \"s3cr3t-word\" }"});
  expect_works({.servers = {server.address()}, .token = std::string(kSecret)});
  expect_error({.servers = {server.address()}, .token = "s3cr3t-word2"}, ErrorCode::kDenied, "credentials");
}

TEST_P(JetStreamLogin, NkeySeedFile) {
  const Nkey key(Nkey::Kind::kUser);
  const Nkey other(Nkey::Kind::kUser);
  NatsServer server(
      {.binary = GetParam(), .config = "authorization { users: [ { nkey: " + key.public_key() + " } ] }"});
  const auto& folder = server.directory();
  expect_works({.servers = {server.address()}, .nkey_seed_file = write_file(folder / "u.nk", key.seed() + "\n")});
  expect_error({.servers = {server.address()}, .nkey_seed_file = write_file(folder / "o.nk", other.seed())},
               ErrorCode::kDenied, "credentials");
  expect_error({.servers = {server.address()}, .nkey_seed_file = write_file(folder / "b.nk", "nothing")},
               ErrorCode::kInvalidArgument, "b.nk");
  expect_error({.servers = {server.address()}, .nkey_seed_file = "/nowhere/u.nk"}, ErrorCode::kInvalidArgument,
               "/nowhere/u.nk");
}

TEST_P(JetStreamLogin, CredsFile) {
  const JwtSetup setup;
  NatsServer server({.binary = GetParam(), .config = setup.server_config});
  const auto& folder = server.directory();
  expect_works({.servers = {server.address()}, .creds_file = write_file(folder / "u.creds", setup.creds)});
  expect_error({.servers = {server.address()}, .creds_file = write_file(folder / "o.creds", JwtSetup().creds)},
               ErrorCode::kDenied, "credentials");
  expect_error({.servers = {server.address()}, .creds_file = "/nowhere/u.creds"}, ErrorCode::kInvalidArgument,
               "/nowhere/u.creds");
}

TEST_P(JetStreamLogin, TlsWithCertificatesOnBothSides) {
  TemporaryDirectory certificates;
  make_certificates(certificates.path());
  const auto file = [&](const char* name) { return (certificates.path() / name).string(); };
  NatsServer server({.binary = GetParam(), .config = tls_on_both_sides(certificates.path())});
  JetStreamOptions options{.servers = {server.address()},
                           .tls_ca = file("ca.pem"),
                           .tls_cert = file("client.pem"),
                           .tls_key = file("client.key")};
  expect_works(options);
  options.tls_key.clear();
  expect_error(options, ErrorCode::kInvalidArgument, "tls_key");
  options.tls_cert.clear();
  EXPECT_FALSE(open_jetstream_broker(options));  // the server asks for a certificate
  expect_error({.servers = {server.address()}, .tls_ca = file("names")}, ErrorCode::kInvalidArgument, "names");
  EXPECT_FALSE(open_jetstream_broker({.servers = {server.address()}, .tls = JetStreamOptions::Tls::kAlways}));
}

TEST_P(JetStreamLogin, TlsWithACertificateForAnotherHostIsRefused) {
  TemporaryDirectory certificates;
  make_certificates(certificates.path(), "DNS:elsewhere.example");
  const auto file = [&](const char* name) { return (certificates.path() / name).string(); };
  NatsServer server(
      {.binary = GetParam(),
       .config = "tls { cert_file: \"" + file("server.pem") + "\", key_file: \"" + file("server.key") + "\" }"});
  expect_error({.servers = {server.address()}, .tls_ca = file("ca.pem")}, ErrorCode::kDenied, "TLS");
}

// The server tells nobody who waits for an answer: without a look at what it refused, fetch would wait for ever.
TEST_P(JetStreamLogin, FetchWithoutPermissionIsDenied) {
  NatsServer server({.binary = GetParam(),
                     .config = "authorization { users = [ { user: ada, password: \"s3cr3t-word\", permissions: { "
                               "publish: { deny: [\"$JS.API.CONSUMER.MSG.NEXT.>\"] } } } ] }"});
  auto broker =
      open_jetstream_broker({.servers = {server.address()}, .user = "ada", .password = std::string(kSecret)}).value();
  ASSERT_TRUE(broker->ensure_stream({.name = "events", .subjects = {"events.>"}}));
  auto consumer = broker->open_consumer({.stream = "events", .name = "reader"}).value();
  const SteadyTime until = real_clock().steady() + std::chrono::seconds(30);
  Result<std::vector<Delivery>> fetched = std::vector<Delivery>{};
  while (fetched && real_clock().steady() < until) {
    fetched = consumer->fetch({.max_wait = std::chrono::milliseconds(200), .ahead = 10}, {});
  }
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code(), ErrorCode::kDenied);
}

TEST_P(JetStreamLogin, ServerWithoutJetStream) {
  NatsServer server({.binary = GetParam(), .jetstream = NatsServerOptions::JetStream::kOff});
  expect_error({.servers = {server.address()}}, ErrorCode::kNotFound, "start it with -js");
}

TEST_P(JetStreamLogin, Domain) {
  NatsServer server({.binary = GetParam(),
                     .jetstream = NatsServerOptions::JetStream::kOff,
                     .config = "jetstream { store_dir: \"$DIR/store\", domain: hub }"});
  expect_works({.servers = {server.address()}, .domain = "hub"});
  expect_error({.servers = {server.address()}, .domain = "other"}, ErrorCode::kNotFound, "JetStream");
  expect_error({.servers = {server.address()}, .domain = "a", .api_prefix = "b"}, ErrorCode::kInvalidArgument, "both");
}

TEST_P(JetStreamLogin, UrlWithUserAndPassword) {
  NatsServer server(
      {.binary = GetParam(), .config = "authorization { user: \"ada@home\", password: \"s3cr3t:/word\" }"});
  expect_url_works(server, "nats://ada%40home:s3cr3t%3A%2Fword@" + server.address(), "s3cr3t");
  expect_url_error("nats://ada%40home:s3cr3t-other@" + server.address(), ErrorCode::kDenied, server.address(),
                   "s3cr3t");
}

TEST_P(JetStreamLogin, UrlWithToken) {
  NatsServer server({.binary = GetParam(), .config = "authorization { token: \"s3cr3t-word\" }"});
  expect_url_works(server, "nats://s3cr3t-word@" + server.address(), "s3cr3t");
  expect_url_error("nats://s3cr3t-other@" + server.address(), ErrorCode::kDenied, "credentials", "s3cr3t");
}

TEST_P(JetStreamLogin, UrlWithNkeySeedFile) {
  const Nkey key(Nkey::Kind::kUser);
  const Nkey other(Nkey::Kind::kUser);
  NatsServer server(
      {.binary = GetParam(), .config = "authorization { users: [ { nkey: " + key.public_key() + " } ] }"});
  const auto& folder = server.directory();
  const std::string address = "nats://" + server.address() + "?nkey=";
  expect_url_works(server, address + write_file(folder / "u.nk", key.seed() + "\n"), key.seed());
  expect_url_error(address + write_file(folder / "o.nk", other.seed()), ErrorCode::kDenied, "credentials",
                   other.seed());
  const std::string broken = key.seed().substr(0, 40);
  expect_url_error(address + write_file(folder / "b.nk", broken), ErrorCode::kInvalidArgument, "b.nk", broken);
}

TEST_P(JetStreamLogin, UrlWithCredsFile) {
  const JwtSetup setup;
  NatsServer server({.binary = GetParam(), .config = setup.server_config});
  const std::string seed = setup.creds.substr(setup.creds.find("\nSU") + 1, 58);
  const std::string address = "nats://" + server.address() + "?creds=";
  expect_url_works(server, address + write_file(server.directory() / "u.creds", setup.creds), seed);
  const JwtSetup other;
  expect_url_error(address + write_file(server.directory() / "o.creds", other.creds), ErrorCode::kDenied, "credentials",
                   other.creds.substr(other.creds.find("\nSU") + 1, 58));
}

TEST_P(JetStreamLogin, UrlWithCertificates) {
  TemporaryDirectory certificates;
  make_certificates(certificates.path());
  const auto file = [&](const char* name) { return (certificates.path() / name).string(); };
  NatsServer server({.binary = GetParam(), .config = tls_on_both_sides(certificates.path())});
  const std::string url = "tls://" + server.address() + "?tls_ca=" + file("ca.pem");
  expect_url_works(server, url + "&tls_cert=" + file("client.pem") + "&tls_key=" + file("client.key"), "PRIVATE KEY");
  EXPECT_FALSE(open_broker(url));                          // the server asks for a certificate
  EXPECT_FALSE(open_broker("tls://" + server.address()));  // of an authority that this machine does not know
}

TEST_P(JetStreamLogin, UrlWithDomainOrPrefix) {
  NatsServer server({.binary = GetParam(),
                     .jetstream = NatsServerOptions::JetStream::kOff,
                     .config = "jetstream { store_dir: \"$DIR/store\", domain: hub }"});
  const std::string url = "nats://" + server.address();
  for (const char* where : {"?domain=hub", "?prefix=%24JS.hub.API"}) {
    const auto broker = open_broker(url + where);
    ASSERT_TRUE(broker) << where << ": " << broker.error().message();
    expect_stores(**broker);
  }
  for (const char* where : {"?domain=other", "?prefix=%24JS.other.API"}) {
    const auto broker = open_broker(url + where);
    ASSERT_FALSE(broker) << where;
    EXPECT_EQ(broker.error().code(), ErrorCode::kNotFound) << broker.error().message();
  }
}

TEST_P(JetStreamLogin, UrlWithTimeout) {
  NatsServer server({.binary = GetParam()});
  server.freeze();
  const SteadyTime began = real_clock().steady();
  expect_url_error("nats://" + server.address() + "?connect_timeout=200ms", ErrorCode::kUnavailable, server.address(),
                   "no secret");
  EXPECT_LT(real_clock().steady() - began, std::chrono::seconds(4));  // 5 s unless asked for
  server.thaw();
}

INSTANTIATE_TEST_SUITE_P(Servers, JetStreamLogin, testing::ValuesIn(nats_server_binaries()), [](const auto& each) {
  std::string name = "v" + each.param.version;
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
});

TEST(JetStreamConnection, UnreachableServerIsNamed) {
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  expect_error({.servers = {address}, .connect_timeout = std::chrono::milliseconds(500)}, ErrorCode::kUnavailable,
               address);
  expect_error({.servers = {}}, ErrorCode::kInvalidArgument, "server");
}

TEST(JetStreamConnection, AnyOfSeveralServersWillDo) {
  NatsServer server;
  expect_works({.servers = {"127.0.0.1:" + std::to_string(free_port()), server.address()}});
}

}  // namespace
}  // namespace leat::test
