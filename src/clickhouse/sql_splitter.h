// SQL text cut into statements.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "leat/result.h"

namespace leat {

// Takes lines; gives statements, without their semicolons, and without those that are comments alone. Errors of
// finish() and begin_whole(): kInvalidArgument, when a quote or a comment is open. Not thread-safe.
class SqlSplitter {
 public:
  void take(std::string_view line);

  // What stands between these two is one statement, whatever is in it. Each gives the statements before it.
  Result<std::vector<std::string>> begin_whole();
  Result<std::vector<std::string>> end_whole();
  bool whole() const { return whole_; }

  // The statements that are left; the splitter is as new then. The last needs no semicolon.
  Result<std::vector<std::string>> finish();

 private:
  enum class Inside { kCode, kSingle, kDouble, kBack, kBlock };

  std::size_t take_code(std::string_view line, std::size_t at);
  std::size_t take_quoted(std::string_view line, std::size_t at, char quote);
  void close_statement();

  std::string statement_;
  bool has_code_ = false;  // the statement is more than comments
  Inside inside_ = Inside::kCode;
  bool whole_ = false;
  std::vector<std::string> done_;
};

}  // namespace leat
