// Who keeps a file locked.
#pragma once

#include <string>

namespace leat::sqlite {

// "process 4711 (sqlite3)", or "another process" when the system does not tell.
std::string lock_owner(const std::string& path);

}  // namespace leat::sqlite
