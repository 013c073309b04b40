#include "cli/table.h"

#include <gtest/gtest.h>

namespace leat::cli {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"queue"}, {"pending", Column::Align::kRight}, {"note"}});
  table.add_row({"a", "5", "x"});
  table.add_row({"longer-name", "12345678", ""});
  EXPECT_EQ(table.str(),
            "queue         pending  note\n"
            "a                   5  x\n"
            "longer-name  12345678");
}

TEST(TableTest, CharactersCountNotBytes) {
  Table table({{"a"}, {"b"}});
  table.add_row({"äöü", "x"});
  table.add_row({"abcd", "y"});
  EXPECT_EQ(table.str(), "a     b\näöü   x\nabcd  y");
}

TEST(TableTest, CellsCannotBreakTheLine) {
  Table table({{"a"}, {"b"}});
  table.add_row({"x\ny\x1b[31m"});
  EXPECT_EQ(table.str(), "a         b\nx y [31m");
}

TEST(TableTest, LongTextIsCut) {
  EXPECT_EQ(cut_to("short", 5), "short");
  EXPECT_EQ(cut_to("longer", 5), "long…");
  EXPECT_EQ(cut_to("two\nlines", 20), "two lines");
  EXPECT_EQ(cut_to("ääääää", 3), "ää…");
}

TEST(TableTest, FurtherLinesAreIndented) {
  EXPECT_EQ(indented("", 2), "");
  EXPECT_EQ(indented("one line\n", 2), "one line");
  EXPECT_EQ(indented("one\ntwo\n\nthree\n\n", 3), "one\n   two\n   \n   three");
  EXPECT_EQ(indented("\n\n", 2), "");
  EXPECT_EQ(indented("a\x1b[31m\tb\x7f", 2), "a [31m b ");
}

TEST(TableTest, NumbersHaveCommas) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(12345678), "12,345,678");
}

}  // namespace
}  // namespace leat::cli
