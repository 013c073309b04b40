#include "broker/sqlite/file_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace leat::sqlite {
namespace {

using std::filesystem::file_type;

Error denied(const std::string& path, const std::string& what, const std::string& remedy) {
  return {ErrorCode::kDenied, "\"" + path + "\" " + what + " (" + std::strerror(errno) + "): " + remedy};
}

bool may(const std::string& path, int access) {
  return faccessat(AT_FDCWD, path.c_str(), access, AT_EACCESS) == 0;
}

Result<void> check_missing(const std::string& path, bool create) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string directory = parent.empty() ? "." : parent;
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    return Error(ErrorCode::kNotFound, "directory \"" + directory + "\" does not exist: create it first");
  if (!create)
    return Error(ErrorCode::kNotFound,
                 "\"" + path + "\" does not exist: check the path, or store something there first");
  if (!may(directory, W_OK | X_OK))
    return denied(path, "cannot be created", "give this user the right to write in its directory");
  return {};
}

}  // namespace

Result<void> check_file(const std::string& path, const SqliteOptions& options) {
  if (path.empty() || path.front() == ':')
    return Error(ErrorCode::kInvalidArgument, "\"" + path + "\" is no file name: give the path of the database file");
  std::error_code failed;
  const file_type type = std::filesystem::status(path, failed).type();
  if (type == file_type::not_found) return check_missing(path, options.create);
  if (type == file_type::directory)
    return Error(ErrorCode::kInvalidArgument, "\"" + path + "\" is a directory: give the path of a file in it");
  if (type == file_type::regular && may(path, R_OK | W_OK)) return {};
  if (type == file_type::regular || failed)
    return denied(path, "cannot be read and written", "give this user the right to do so, also in its directory");
  return Error(ErrorCode::kInvalidArgument,
               "\"" + path + "\" is no regular file: give the path of one, or of one that is to be created");
}

}  // namespace leat::sqlite
