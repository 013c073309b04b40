#include <gtest/gtest.h>

#include "leat/migrations.h"

namespace leat {
namespace {

using Statements = std::vector<std::string>;

TEST(MigrationFileTest, StatementsOfGoosesFormat) {
  const auto file = parse_migration("20260131120000_create_events.sql", R"(-- what it is for

-- +goose Up
-- +goose NO TRANSACTION
CREATE TABLE events (a String DEFAULT ';', b String DEFAULT 'it''s \'; x') -- why; not
ENGINE = MergeTree ORDER BY a;
/* a; comment */ ALTER TABLE events ADD COLUMN `c;d` UInt8; SELECT "e;f";
-- +goose StatementBegin
SELECT 1;
SELECT '2;
-- +goose StatementEnd
-- only a comment;
-- +goose Down
DROP TABLE events
)");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->version, 20260131120000U);
  EXPECT_EQ(file->description, "create_events");
  EXPECT_EQ(file->checksum.size(), 16U);
  EXPECT_EQ(file->up,
            (Statements{"CREATE TABLE events (a String DEFAULT ';', b String DEFAULT 'it''s \\'; x') -- why; not\n"
                        "ENGINE = MergeTree ORDER BY a",
                        "/* a; comment */ ALTER TABLE events ADD COLUMN `c;d` UInt8", "SELECT \"e;f\"",
                        "SELECT 1;\nSELECT '2"}));
  EXPECT_EQ(file->down, Statements{"DROP TABLE events"});
  EXPECT_NE(parse_migration("1_a.sql", "-- +goose Up\nSELECT 1")->checksum,
            parse_migration("1_a.sql", "-- +goose Up\nSELECT 2")->checksum);
  EXPECT_TRUE(parse_migration("1_a.sql", "-- +goose Up\r\nSELECT 1;\r\n")->down.empty());
}

TEST(MigrationFileTest, WhatIsNoneSaysWhere) {
  const std::vector<std::tuple<const char*, const char*, const char*>> cases{
      {"x.sql", "", "x.sql: the name is none: expected {timestamp}_{description}.sql"},
      {"0_x.sql", "", "0_x.sql: the name is none: expected {timestamp}_{description}.sql"},
      {"1_x.sql", "", "1_x.sql: line 0: there is no statement after `-- +goose Up`"},
      {"1_x.sql", "SELECT 1;", "1_x.sql: line 1: SQL before `-- +goose Up`"},
      {"1_x.sql", "-- +goose Up\nSELECT 1;\n-- +goose Up", "1_x.sql: line 3: this part stands twice"},
      {"1_x.sql", "-- +goose Down\nSELECT 1;", "1_x.sql: line 1: `Down` stands before what `Up` does"},
      {"1_x.sql", "-- +goose Up\nSELECT 'a;", "1_x.sql: line 2: a quote is not closed"},
      {"1_x.sql", "-- +goose Up\nSELECT 1 /* a;", "1_x.sql: line 2: a comment is not closed"},
      {"1_x.sql", "-- +goose Up\n-- +goose StatementEnd", "1_x.sql: line 2: `StatementEnd` is out of place"},
      {"1_x.sql", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;",
       "1_x.sql: line 3: `-- +goose StatementBegin` without its StatementEnd"},
      {"1_x.sql", "-- +goose Upp",
       "1_x.sql: line 1: `-- +goose Upp` is not known; there are Up, Down, StatementBegin, StatementEnd"},
  };
  for (const auto& [name, text, why] : cases) {
    const auto file = parse_migration(name, text);
    ASSERT_FALSE(file) << text;
    EXPECT_EQ(file.error().message(), why);
  }
  EXPECT_EQ(read_migrations("/no/such/directory").error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace leat
