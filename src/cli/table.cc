#include "cli/table.h"

#include <algorithm>
#include <cstdint>

namespace leat::cli {
namespace {

bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

// Characters of UTF-8, each counted as one column.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

void append_cell(std::string& line, const std::string& cell, std::size_t width, Column::Align align) {
  const std::size_t used = width_of(cell);
  const std::string padding(width > used ? width - used : 0, ' ');
  if (!line.empty()) line += "  ";
  line += align == Column::Align::kRight ? padding + cell : cell + padding;
}

}  // namespace

void Table::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) {
    std::replace_if(cell.begin(), cell.end(), is_control, ' ');
  }
  rows_.push_back(std::move(cells));
}

std::string Table::str() const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) lines.front().push_back(column.title);
  lines.insert(lines.end(), rows_.begin(), rows_.end());
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& cells : lines) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
  }
  std::string text;
  for (const auto& cells : lines) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) append_cell(line, cells[i], widths[i], columns_[i].align);
    line.erase(line.find_last_not_of(' ') + 1);
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

std::string cut_to(std::string_view text, std::size_t width) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (width_of(line) <= width) return line;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (begins_character(line[i]) && ++characters == width) return line.substr(0, i) + "…";
  }
  return line;
}

std::string indented(std::string_view text, std::size_t width) {
  std::string out;
  for (const char c : text.substr(0, text.find_last_not_of("\r\n") + 1)) {
    if (c == '\n') {
      out += '\n' + std::string(width, ' ');
    } else {
      out += is_control(c) ? ' ' : c;
    }
  }
  return out;
}

std::string age(SystemTime now, SystemTime then) {
  using namespace std::chrono;
  const auto passed = std::max(floor<seconds>(now - then), seconds(0));
  if (passed < minutes(2)) return std::to_string(passed.count()) + "s";
  if (passed < hours(2)) return std::to_string(floor<minutes>(passed).count()) + "m";
  if (passed < days(2)) return std::to_string(floor<hours>(passed).count()) + "h";
  return std::to_string(floor<days>(passed).count()) + "d";
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

}  // namespace leat::cli
