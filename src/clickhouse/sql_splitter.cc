#include "clickhouse/sql_splitter.h"

#include <algorithm>
#include <utility>

namespace leat {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(kSpaces);
  return begin == text.npos ? std::string() : text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

}  // namespace

void SqlSplitter::take(std::string_view line) {
  for (std::size_t at = 0; at < line.size();) {
    switch (inside_) {
      case Inside::kCode: at = take_code(line, at); break;
      case Inside::kSingle: at = take_quoted(line, at, '\''); break;
      case Inside::kDouble: at = take_quoted(line, at, '"'); break;
      case Inside::kBack: at = take_quoted(line, at, '`'); break;
      case Inside::kBlock: {
        const std::size_t end = line.find("*/", at);
        const std::size_t next = end == line.npos ? line.size() : end + 2;
        statement_ += line.substr(at, next - at);
        if (end != line.npos) inside_ = Inside::kCode;
        at = next;
      }
    }
  }
  statement_ += '\n';
}

std::size_t SqlSplitter::take_code(std::string_view line, std::size_t at) {
  const std::string_view rest = line.substr(at);
  if (rest.starts_with("--") && !whole_) {
    statement_ += rest;
    return line.size();
  }
  if (rest.starts_with("/*")) {
    inside_ = Inside::kBlock;
    statement_ += "/*";
    return at + 2;
  }
  const char c = rest.front();
  if (c == ';' && !whole_) {
    close_statement();
    return at + 1;
  }
  if (!whole_ && c == '\'') inside_ = Inside::kSingle;
  if (!whole_ && c == '"') inside_ = Inside::kDouble;
  if (!whole_ && c == '`') inside_ = Inside::kBack;
  if (kSpaces.find(c) == kSpaces.npos) has_code_ = true;
  statement_ += c;
  return at + 1;
}

std::size_t SqlSplitter::take_quoted(std::string_view line, std::size_t at, char quote) {
  statement_ += line[at];
  if (line[at] == '\\' && at + 1 < line.size()) {
    statement_ += line[at + 1];
    return at + 2;
  }
  if (line[at] == quote) inside_ = Inside::kCode;  // a doubled one opens the next piece at once
  return at + 1;
}

void SqlSplitter::close_statement() {
  if (has_code_) done_.push_back(trimmed(statement_));
  statement_.clear();
  has_code_ = false;
}

Result<std::vector<std::string>> SqlSplitter::finish() {
  if (inside_ == Inside::kBlock) return Error(ErrorCode::kInvalidArgument, "a comment is not closed");
  if (inside_ != Inside::kCode) return Error(ErrorCode::kInvalidArgument, "a quote is not closed");
  close_statement();
  return std::exchange(done_, {});
}

Result<std::vector<std::string>> SqlSplitter::begin_whole() {
  auto before = finish();
  whole_ = true;
  return before;
}

Result<std::vector<std::string>> SqlSplitter::end_whole() {
  whole_ = false;
  inside_ = Inside::kCode;
  std::string text = trimmed(statement_);
  while (text.ends_with(';')) text = trimmed(text.substr(0, text.size() - 1));
  statement_ = std::move(text);
  return finish();
}

}  // namespace leat
