#include "core/url.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace leat {
namespace {

TEST(Url, TakesEachPartApart) {
  const auto url = parse_url("NATS://us%65r:p%40ss@a.example:4222,[::1]:5222,c/path%20x?name=my%26app&domain=hub");
  ASSERT_TRUE(url) << url.error().message();
  EXPECT_EQ(url->scheme, "nats");
  EXPECT_EQ(url->user, "user");
  EXPECT_EQ(url->password, "p@ss");
  ASSERT_EQ(url->hosts.size(), 3u);
  EXPECT_EQ(url->hosts[0].name, "a.example");
  EXPECT_EQ(url->hosts[0].port, 4222);
  EXPECT_EQ(url->hosts[1].name, "::1");
  EXPECT_EQ(url->hosts[1].port, 5222);
  EXPECT_EQ(url->hosts[2].name, "c");
  EXPECT_EQ(url->hosts[2].port, std::nullopt);
  EXPECT_EQ(url->path, "/path x");
  EXPECT_EQ(url->params, (std::map<std::string, std::string>{{"name", "my&app"}, {"domain", "hub"}}));
}

TEST(Url, Shapes) {
  struct Case {
    std::string text, scheme, path;
    std::size_t hosts;
  };
  const std::vector<Case> cases{
      {"memory:", "memory", "", 0},
      {"sqlite:jobs.db", "sqlite", "jobs.db", 0},
      {"sqlite:/var/lib/app/jobs.db?sync=normal", "sqlite", "/var/lib/app/jobs.db", 0},
      {"sqlite:a%3fb%25.db", "sqlite", "a?b%.db", 0},
      {"nats://localhost", "nats", "", 1},
      {"tls://a,b,c/", "tls", "/", 3},
      {"nats://token@host", "nats", "", 1},
  };
  for (const Case& c : cases) {
    const auto url = parse_url(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message();
    EXPECT_EQ(url->scheme, c.scheme);
    EXPECT_EQ(url->path, c.path);
    EXPECT_EQ(url->hosts.size(), c.hosts);
  }
}

TEST(Url, WhatIsRefused) {
  for (const std::string bad : {"",
                                "jobs.db",
                                ":",
                                "://host",
                                "nats://",
                                "nats://@",
                                "nats://a,,b",
                                "nats://a:",
                                "nats://a:0",
                                "nats://a:65536",
                                "nats://a:x",
                                "nats://[::1",
                                "nats://[::1]x",
                                "nats://a b",
                                "nats://a, b",
                                "nats://a\tb",
                                "nats://a\"b",
                                "nats://[::1 ]",
                                "nats://a,nats://b",
                                "sqlite:a%",
                                "sqlite:a%2",
                                "sqlite:a%zz",
                                "sqlite:a%00b",
                                "sqlite:a?sync",
                                "sqlite:a?sync=full&sync=normal",
                                "a b:c",
                                "nats://u%zz@host"}) {
    const auto url = parse_url(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().code(), ErrorCode::kInvalidArgument) << bad;
    EXPECT_TRUE(url.error().message().starts_with("broker URL: ")) << url.error().message();
  }
}

TEST(Url, SeveralHostsShareOneScheme) {
  for (const std::string repeated : {"nats://a,nats://b", "nats://a:4222, nats://b:4222", "nats://u:p@a,tls://u:p@b"}) {
    const auto url = parse_url(repeated);
    ASSERT_FALSE(url) << repeated;
    EXPECT_EQ(url.error().message(),
              "broker URL: the scheme stands once, before all hosts; expected nats://HOST[:PORT],HOST[:PORT]");
  }
}

TEST(Url, AHostHasNoSpaces) {
  EXPECT_EQ(
      parse_url("nats://a b").error().message(),
      "broker URL: \"a b\" is no host: a host is letters, digits, `.`, `-` and `_`; hosts are separated by commas "
      "alone");
  EXPECT_TRUE(parse_url("nats://a-1.b_2.example,[fe80::1%eth0]:4222"));
}

TEST(Url, SecretsAreNeverInMessages) {
  for (const std::string bad :
       {"nats://alice:s3cret@", "nats://alice:s3cret@a:x", "nats://alice:s3cret@a,,b", "nats://alice:s3cret%zz@a",
        "nats://alice:s3cret%00@a", "nats://s3cret@[::1", "nats://alice:s3cret@a?x", "nats://alice:s3cret@a?x=1&x=2",
        "nats://alice:s3cret@a:99999", "nats://al@ce:s3cret@a:x", "nats://s3cret%zz@a", "nats://alice:s3cret/x@a",
        "nats://s3cret x/y@a"}) {
    const auto url = parse_url(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().message().find("s3cret"), std::string::npos) << url.error().message();
    EXPECT_EQ(url.error().message().find("alice"), std::string::npos) << url.error().message();
  }
}

TEST(Url, RedactedHidesTheSecretsAndKeepsTheRest) {
  EXPECT_EQ(parse_url("nats://alice:s3cret@a:4222,[::1]:1?name=x").value().redacted(), "nats://***:***@a:4222,[::1]:1");
  EXPECT_EQ(parse_url("tls://s3cret@a").value().redacted(), "tls://***@a");
  EXPECT_EQ(parse_url("sqlite:/a/jobs.db?sync=normal").value().redacted(), "sqlite:/a/jobs.db");
}

}  // namespace
}  // namespace leat
