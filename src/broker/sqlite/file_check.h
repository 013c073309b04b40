// Looks at the file's place before SQLite does, because SQLite hardly tells why a file cannot be used.
#pragma once

#include <string>

#include "leat/sqlite_broker.h"

namespace leat::sqlite {

// Ok when the file is there, or may be created, and this user may write it. The file is not opened: closing it again
// would end the locks that this process has on it. Errors: as open_sqlite_broker().
Result<void> check_file(const std::string& path, const SqliteOptions& options);

}  // namespace leat::sqlite
