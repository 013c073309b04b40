#include "jobs/time_zone.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <random>

namespace leat {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;
using namespace std::chrono_literals;

constexpr sys_seconds kFirst = std::chrono::sys_days(std::chrono::year(1970) / 1 / 1);
constexpr sys_seconds kLast = std::chrono::sys_days(std::chrono::year(2037) / 12 / 31);

// The C library's idea of it, which reads the database by itself.
class LibcZone {
 public:
  explicit LibcZone(const std::string& name) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    ::setenv("TZ", (":" + name).c_str(), 1);
    ::tzset();
  }
  ~LibcZone() {
    before_ ? ::setenv("TZ", before_->c_str(), 1) : ::unsetenv("TZ");
    ::tzset();
  }
  LibcZone(const LibcZone&) = delete;
  LibcZone& operator=(const LibcZone&) = delete;

  seconds offset_at(sys_seconds time) const {
    const std::time_t count = time.time_since_epoch().count();
    std::tm fields{};
    ::localtime_r(&count, &fields);
    return seconds(fields.tm_gmtoff);
  }

 private:
  std::optional<std::string> before_;
};

std::string zone_refusal(std::string_view name) {
  const auto zone = TimeZone::find(name);
  if (zone) return "found: " + std::string(name);
  EXPECT_EQ(zone.error().code(), ErrorCode::kInvalidArgument);
  return zone.error().message();
}

TEST(TimeZoneTest, AZoneIsOneObject) {
  const auto berlin = TimeZone::find("Europe/Berlin");
  ASSERT_TRUE(berlin) << berlin.error().message();
  EXPECT_EQ((*berlin)->name(), "Europe/Berlin");
  EXPECT_EQ(*TimeZone::find("Europe/Berlin"), *berlin);
}

TEST(TimeZoneTest, UtcIsOnePeriod) {
  const TimeZone& utc = **TimeZone::find("UTC");
  ASSERT_EQ(utc.periods().size(), 1U);
  EXPECT_EQ(utc.periods().front().offset, 0s);
  EXPECT_LT(SystemTime(utc.periods().front().begin + 1s), SystemTime::min() + 2s);
}

TEST(TimeZoneTest, LinksAreZones) {
  const TimeZone& link = **TimeZone::find("US/Pacific");
  const TimeZone& target = **TimeZone::find("America/Los_Angeles");
  ASSERT_EQ(link.periods().size(), target.periods().size());
  EXPECT_EQ(link.periods().back().begin, target.periods().back().begin);
}

TEST(TimeZoneTest, AnUnknownNameIsToldTheNearest) {
  EXPECT_EQ(zone_refusal("Europe/Berln"), "there is no time zone \"Europe/Berln\": did you mean Europe/Berlin?");
  EXPECT_EQ(zone_refusal("EUROPE/BERLIN"), "there is no time zone \"EUROPE/BERLIN\": did you mean Europe/Berlin?");
  EXPECT_EQ(zone_refusal("kathmandu"), "there is no time zone \"kathmandu\": did you mean Asia/Kathmandu?");
  EXPECT_EQ(zone_refusal("NewYork"), "there is no time zone \"NewYork\": did you mean America/New_York?");
  EXPECT_EQ(zone_refusal("Moon/Tranquility"), "there is no time zone \"Moon/Tranquility\"");
}

TEST(TimeZoneTest, WhatIsNoNameIsNotShown) {
  for (const std::string& name :
       {std::string(), std::string("Europe/Berlin\n"), std::string(65, 'x'), std::string("\xC3\xA4")}) {
    EXPECT_EQ(zone_refusal(name), "a time zone is named as in Europe/Berlin, and not so");
  }
}

// They are files in the database's folder, but mean something else on each machine, or count leap seconds.
TEST(TimeZoneTest, FilesThatAreNoZones) {
  for (const char* name : {"localtime", "posixrules", "right/UTC", "posix/Europe/Berlin", "tzdata.zi", "Factory",
                           "Europe", "../zoneinfo/UTC", "/etc/passwd"}) {
    EXPECT_NE(zone_refusal(name).find("there is no time zone"), std::string::npos) << name;
  }
}

TEST(TimeZoneTest, PeriodsFollowEachOther) {
  const auto names = TimeZone::names();
  ASSERT_GT(names.size(), 400U);
  for (const std::string& name : names) {
    const auto zone = TimeZone::find(name);
    ASSERT_TRUE(zone) << zone.error().message();
    const TimeZone::Period* before = nullptr;
    auto shown = (*zone)->periods().front().local_begin();
    for (const auto& period : (*zone)->periods()) {
      ASSERT_LT(period.begin, period.end) << name;
      ASSERT_EQ(period.shown_before, shown) << name;
      if (before != nullptr) {
        ASSERT_EQ(before->end, period.begin) << name;
        ASSERT_NE(before->offset, period.offset) << name;
      }
      ASSERT_EQ(&*(*zone)->period_at(period.begin), &period) << name;
      ASSERT_EQ(&*(*zone)->period_at(period.end - 1s), &period) << name;
      shown = std::max(shown, period.local_end());
      before = &period;
    }
  }
}

TEST(TimeZoneTest, AllZonesAgreeWithTheCLibrary) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> any(kFirst.time_since_epoch().count(), kLast.time_since_epoch().count());
  for (const std::string& name : TimeZone::names()) {
    const TimeZone& zone = **TimeZone::find(name);
    const LibcZone libc(name);
    std::vector<sys_seconds> samples;
    for (int i = 0; i < 100; ++i) samples.push_back(sys_seconds(seconds(any(random))));
    for (const auto& period : zone.periods()) {
      if (period.begin < kFirst || period.begin > kLast) continue;
      samples.insert(samples.end(), {period.begin - 1s, period.begin});
    }
    for (const sys_seconds at : samples) {
      ASSERT_EQ(zone.period_at(at)->offset, libc.offset_at(at)) << name << " at " << at.time_since_epoch().count();
    }
  }
}

}  // namespace
}  // namespace leat
