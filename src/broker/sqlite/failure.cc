#include "broker/sqlite/failure.h"

#include <sqlite3.h>

#include <cerrno>

#include "broker/sqlite/lock_owner.h"

namespace leat::sqlite {
namespace {

ErrorCode code_of_io_error(int system_error) {
  switch (system_error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorCode::kFull;
    case EACCES:
    case EROFS:
    case EPERM: return ErrorCode::kDenied;
    default: return ErrorCode::kUnavailable;
  }
}

ErrorCode code_of(int result, int system_error) {
  switch (result & 0xff) {
    case SQLITE_FULL: return ErrorCode::kFull;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM: return ErrorCode::kUnavailable;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return code_of_io_error(system_error);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return ErrorCode::kDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorCode::kCorrupt;
    default: return ErrorCode::kInternal;
  }
}

// The protocol's end is that of SQLite's own patience, ten seconds: another process stands still within a step.
bool is_lock(int result) {
  const int code = result & 0xff;
  return code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_PROTOCOL;
}

std::string remedy_of(ErrorCode code) {
  if (code == ErrorCode::kFull) return "make room on the disk, then try again";
  if (code == ErrorCode::kDenied) return "give this user the right to read and write it, and to write in its directory";
  return "look whether its disk and directory can be used, then try again";
}

std::string text_of(const Failure& failure, ErrorCode code) {
  const std::string file = "\"" + failure.path + "\"";
  if (is_lock(failure.result))
    return file + " is locked by " + lock_owner(failure.path) + ": let it finish, or end it, and try again";
  if (code == ErrorCode::kInternal) return file + ": " + failure.message + " in: " + std::string(failure.what);
  if (code != ErrorCode::kCorrupt) return file + ": " + failure.message + ": " + remedy_of(code);
  return file + " is no leat database, or damaged (" + failure.message +
         "): restore it from a backup, or open another file";
}

}  // namespace

DatabaseError describe(const Failure& failure) {
  const ErrorCode code = code_of(failure.result, failure.system_error);
  return {code, text_of(failure, code)};
}

}  // namespace leat::sqlite
