// Turns what SQLite says into an error that names the file and what to do.
#pragma once

#include <string>
#include <string_view>

#include "broker/sqlite/database.h"

namespace leat::sqlite {

struct Failure {
  std::string path;
  int result = 0;           // SQLite's code
  int system_error = 0;     // errno, where the system refused something
  std::string message;      // SQLite's words
  std::string_view what{};  // the statement: told only where the fault is ours
};

DatabaseError describe(const Failure& failure);

}  // namespace leat::sqlite
