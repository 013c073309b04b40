// Text in aligned columns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clock.h"

namespace leat::cli {

struct Column {
  std::string title;
  enum class Align { kLeft, kRight } align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells beyond the columns are left out; those that are missing are empty. Control characters become spaces.
  void add_row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // The titles and the rows, a line each, joined by line breaks; two spaces between columns, none at a line's end.
  std::string str() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// The beginning of a text in one line for a cell: at most `width` characters, the last of them `…` when more was there.
std::string cut_to(std::string_view text, std::size_t width);

// A text of several lines after a label: each line but the first is indented. Line breaks at its end are left out, and
// other control characters become spaces.
std::string indented(std::string_view text, std::size_t width);

// How long ago that was, in one unit: "90s", "5m", "47h", "3d".
std::string age(SystemTime now, SystemTime then);

// 1234567 is "1,234,567".
std::string with_commas(std::uint64_t number);

}  // namespace leat::cli
