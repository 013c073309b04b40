// Records with revisions.
#include <set>

#include "core/thread.h"
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

using Names = std::vector<std::string>;

class Records : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    bucket_ = broker().open_bucket({.name = "bucket"}).value();
  }
  KeyValue& bucket() { return *bucket_; }
  std::string value_of(const std::string& key) {
    const auto entry = bucket_->get(key).value();
    return entry ? entry->value : "nothing";
  }
  Names listed(std::string_view prefix) {
    Names keys;
    const auto entries = bucket_->list(prefix).value();
    for (const KeyEntry& entry : entries) keys.push_back(entry.key);
    return keys;
  }

 private:
  std::unique_ptr<KeyValue> bucket_;
};
LEAT_ON_EVERY_BROKER(Records);

TEST_P(Records, PutAndGet) {
  EXPECT_FALSE(bucket().get("key").value());
  const SystemTime before = broker().clock().now();
  const std::uint64_t first = bucket().put("key", "one").value();
  EXPECT_GT(first, 0u);
  const auto entry = bucket().get("key").value();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->key, "key");
  EXPECT_EQ(entry->value, "one");
  EXPECT_EQ(entry->revision, first);
  EXPECT_FALSE(entry->erased);
  EXPECT_GE(entry->time, before - 1s);
  EXPECT_LE(entry->time, broker().clock().now() + 1s);
  EXPECT_GT(bucket().put("key", "two").value(), first);
  EXPECT_EQ(value_of("key"), "two");
}

TEST_P(Records, ValuesAreBytes) {
  std::string value;
  for (int byte = 0; byte < 256; ++byte) value.push_back(static_cast<char>(byte));
  ASSERT_OK(bucket().put("bytes", value));
  EXPECT_EQ(value_of("bytes"), value);
  ASSERT_OK(bucket().put("empty", ""));
  ASSERT_TRUE(bucket().get("empty").value());
  EXPECT_EQ(value_of("empty"), "");
}

TEST_P(Records, RevisionsGrowOverTheWholeBucket) {
  std::uint64_t last = 0;
  for (const std::string key : {"a", "b", "a", "c"}) {
    const std::uint64_t revision = bucket().put(key, "value").value();
    EXPECT_GT(revision, last);
    last = revision;
  }
  ASSERT_OK(bucket().erase("a"));
  EXPECT_GT(bucket().create("a", "again").value(), last);
}

TEST_P(Records, CreateOnlyWhereNothingIs) {
  ASSERT_OK(bucket().create("key", "one"));
  EXPECT_CODE(bucket().create("key", "two"), ErrorCode::kConflict);
  EXPECT_EQ(value_of("key"), "one");
  ASSERT_OK(bucket().erase("key"));
  EXPECT_FALSE(bucket().get("key").value());
  ASSERT_OK(bucket().create("key", "three"));
  EXPECT_EQ(value_of("key"), "three");
}

TEST_P(Records, UpdateAtTheRevisionOnly) {
  const std::uint64_t first = bucket().put("key", "one").value();
  ASSERT_OK(bucket().put("other", "x"));
  const std::uint64_t second = bucket().update("key", "two", first).value();
  EXPECT_GT(second, first);
  EXPECT_CODE(bucket().update("key", "three", first), ErrorCode::kConflict);
  EXPECT_CODE(bucket().update("key", "three", second + 1), ErrorCode::kConflict);
  EXPECT_CODE(bucket().update("missing", "three", first), ErrorCode::kConflict);
  EXPECT_EQ(value_of("key"), "two");
  EXPECT_OK(bucket().update("key", "three", second));
}

TEST_P(Records, EraseWithAndWithoutARevision) {
  const std::uint64_t first = bucket().put("key", "one").value();
  const std::uint64_t second = bucket().put("key", "two").value();
  EXPECT_CODE(bucket().erase("key", first), ErrorCode::kConflict);
  EXPECT_EQ(value_of("key"), "two");
  EXPECT_OK(bucket().erase("key", second));
  EXPECT_FALSE(bucket().get("key").value());
  EXPECT_OK(bucket().erase("key"));
  EXPECT_OK(bucket().erase("never"));
  EXPECT_CODE(bucket().erase("key", second), ErrorCode::kConflict);
  EXPECT_CODE(bucket().erase("never", 1), ErrorCode::kConflict);
  EXPECT_CODE(bucket().update("key", "three", second), ErrorCode::kConflict);
}

TEST_P(Records, BatchesOfWritesAndReads) {
  const std::uint64_t revision = bucket().put("there", "0").value();
  const std::vector<KeyWrite> writes{
      {.kind = KeyWrite::Kind::kPut, .key = "a", .value = "1"},
      {.kind = KeyWrite::Kind::kCreate, .key = "there", .value = "no"},
      {.kind = KeyWrite::Kind::kCreate, .key = "b", .value = "2"},
      {.kind = KeyWrite::Kind::kUpdate, .key = "there", .value = "3", .revision = revision},
      {.kind = KeyWrite::Kind::kUpdate, .key = "there", .value = "no", .revision = revision},
      {.kind = KeyWrite::Kind::kPut, .key = "bad key", .value = "no"},
      {.kind = KeyWrite::Kind::kErase, .key = "a", .value = {}},
  };
  const auto results = bucket().write(writes);
  ASSERT_EQ(results.size(), writes.size());
  EXPECT_OK(results[0]);
  EXPECT_CODE(results[1], ErrorCode::kConflict);
  EXPECT_OK(results[2]);
  EXPECT_OK(results[3]);
  EXPECT_CODE(results[4], ErrorCode::kConflict);
  EXPECT_CODE(results[5], ErrorCode::kInvalidArgument);
  EXPECT_OK(results[6]);
  const auto read = bucket().read(Names{"a", "b", "bad key", "there"});
  ASSERT_EQ(read.size(), 4u);
  EXPECT_FALSE(read[0].value());
  EXPECT_EQ(read[1].value()->value, "2");
  EXPECT_CODE(read[2], ErrorCode::kInvalidArgument);
  EXPECT_EQ(read[3].value()->value, "3");
  EXPECT_TRUE(bucket().write({}).empty());
  EXPECT_TRUE(bucket().read({}).empty());
}

TEST_P(Records, Keys) {
  for (const std::string key : {"a", "A-Z_0.9=/x", "a.b.c", "=", "/"}) EXPECT_OK(bucket().put(key, "value")) << key;
  for (const std::string key : {"", ".", "a.", ".a", "a..b", "a b", "a*", ">", "*", "a:b", "\xc3\xa4", "a\n"}) {
    EXPECT_CODE(bucket().put(key, "value"), ErrorCode::kInvalidArgument) << key;
    EXPECT_CODE(bucket().get(key), ErrorCode::kInvalidArgument) << key;
  }
  EXPECT_EQ(listed("").size(), 5u);
}

TEST_P(Records, TooLargeValuesAreRefused) {
  const std::string value(capabilities().max_message_bytes + 1, 'x');
  EXPECT_CODE(bucket().put("key", value), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(bucket().get("key").value());
}

TEST_P(Records, ListByPrefixEndsAtADot) {
  EXPECT_TRUE(listed("").empty());
  for (const std::string key : {"b.x", "a", "ab", "a.b.c", "a.b", "a-b", "erased"}) ASSERT_OK(bucket().put(key, key));
  ASSERT_OK(bucket().erase("erased"));
  EXPECT_EQ(listed(""), (Names{"a", "a-b", "a.b", "a.b.c", "ab", "b.x"}));
  EXPECT_EQ(listed("a"), (Names{"a", "a.b", "a.b.c"}));
  EXPECT_EQ(listed("a.b"), (Names{"a.b", "a.b.c"}));
  EXPECT_EQ(listed("b"), (Names{"b.x"}));
  EXPECT_TRUE(listed("x").empty());
  const auto entries = bucket().list("b").value();
  EXPECT_EQ(entries.at(0).value, "b.x");
  EXPECT_EQ(entries.at(0).revision, present(bucket().get("b.x")).revision);
}

TEST_P(Records, ListOfManyRecordsIsWhole) {
  std::vector<KeyWrite> writes;
  for (int i = 0; i < 2'000; ++i) writes.push_back({.key = "key." + std::to_string(10'000 + i), .value = "value"});
  for (const auto& result : bucket().write(writes)) ASSERT_OK(result);
  const auto keys = listed("key");
  ASSERT_EQ(keys.size(), writes.size());
  for (std::size_t i = 0; i < keys.size(); ++i) ASSERT_EQ(keys[i], writes[i].key);
}

TEST_P(Records, BucketsAreApart) {
  auto other = broker().open_bucket({.name = "other"}).value();
  ASSERT_OK(bucket().put("key", "here"));
  EXPECT_FALSE(other->get("key").value());
  EXPECT_TRUE(other->list("").value().empty());
}

TEST_P(Records, AnotherBrokerObjectSeesThem) {
  ASSERT_OK(bucket().put("key", "here"));
  auto other = open_another();
  auto same = other->open_bucket({.name = "bucket"}).value();
  const auto entry = same->get("key").value();
  ASSERT_TRUE(entry);
  EXPECT_OK(same->update("key", "there", entry->revision));
  EXPECT_EQ(value_of("key"), "there");
}

TEST_P(Records, InvalidBucketsAreRefused) {
  EXPECT_CODE(broker().open_bucket({.name = ""}), ErrorCode::kInvalidArgument);
  EXPECT_CODE(broker().open_bucket({.name = "a.b"}), ErrorCode::kInvalidArgument);
  EXPECT_CODE(broker().open_bucket({.name = "a", .ttl = -1s}), ErrorCode::kInvalidArgument);
  EXPECT_CODE(broker().open_bucket({.name = "a", .replicas = 0}), ErrorCode::kInvalidArgument);
}

TEST_P(Records, DriftOfAnExistingBucketIsToldAndNothingChanged) {
  EXPECT_TRUE(broker().open_bucket({.name = "brief", .ttl = 1h}).value()->drift().empty());
  EXPECT_TRUE(broker().open_bucket({.name = "brief", .ttl = 1h}).value()->drift().empty());
  for (int i = 0; i < 2; ++i) {
    const auto other = broker().open_bucket({.name = "brief", .ttl = 2h}).value();
    ASSERT_EQ(other->drift().size(), 1U);
    const Drift& ttl = other->drift().front();
    EXPECT_EQ(ttl.setting + " " + ttl.wanted + " " + ttl.actual, "ttl 2h 1h");
  }
}

TEST_P(Records, TtlCountsFromTheLastWrite) {
  constexpr Duration kTtl = 3s;
  auto brief = broker().open_bucket({.name = "brief", .ttl = kTtl}).value();
  ASSERT_OK(brief->put("key", "one"));
  pass(300ms);
  const SteadyTime before = now();
  const std::uint64_t revision = brief->put("key", "two").value();
  const SystemTime written = brief->get("key").value().value_or(KeyEntry{}).time;
  EXPECT_NE(written, SystemTime{});
  EXPECT_TRUE(eventually([&] { return !brief->get("key").value(); }));
  EXPECT_GE(now() - before, kTtl - kClockGrain);
  EXPECT_TRUE(brief->list("").value().empty());
  EXPECT_CODE(brief->update("key", "three", revision), ErrorCode::kConflict);
  EXPECT_GT(brief->create("key", "three").value(), revision);
}

TEST_P(Records, ConcurrentIncrementsLoseNothing) {
  constexpr std::size_t kThreads = 8;
  constexpr int kEach = 10;
  ASSERT_OK(bucket().put("count", "0"));
  {
    const ThreadPool increasing("increase", kThreads, [&](std::size_t, const std::stop_token&) {
      for (int done = 0; done < kEach;) {
        const auto entry = present(bucket().get("count"));
        const auto updated = bucket().update("count", std::to_string(std::stoi(entry.value) + 1), entry.revision);
        if (updated) {
          ++done;
        } else {
          EXPECT_CODE(updated, ErrorCode::kConflict);
        }
      }
    });
  }
  EXPECT_EQ(value_of("count"), std::to_string(kThreads * kEach));
}

TEST_P(Records, OneOfManyCreatorsWins) {
  constexpr std::size_t kThreads = 8;
  std::vector<std::vector<std::uint64_t>> won(kThreads);
  {
    const ThreadPool creating("create", kThreads, [&](std::size_t i, const std::stop_token&) {
      for (int key = 0; key < 20; ++key) {
        const auto created = bucket().create("key." + std::to_string(key), std::to_string(i));
        if (created) won[i].push_back(*created);
      }
    });
  }
  std::set<std::uint64_t> revisions;
  std::size_t wins = 0;
  for (const auto& own : won) {
    wins += own.size();
    revisions.insert(own.begin(), own.end());
  }
  EXPECT_EQ(wins, 20u);
  EXPECT_EQ(revisions.size(), 20u);
}

}  // namespace
}  // namespace leat::test
