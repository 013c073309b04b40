#include "broker/key_write_checks.h"

#include <string>

#include "broker/config_checks.h"

namespace leat {
namespace {

Result<void> expect_revision(bool as_expected, const KeyWrite& write, std::string_view bucket, std::uint64_t actual) {
  if (as_expected) return {};
  const std::string expected = write.kind == KeyWrite::Kind::kCreate ? "none" : std::to_string(write.revision);
  return Error(ErrorCode::kConflict, "record \"" + write.key + "\" of bucket \"" + std::string(bucket) +
                                         "\" is at revision " + std::to_string(actual) + ", expected " + expected);
}

}  // namespace

Result<void> check_key_write(const KeyWrite& write, std::size_t max_value_bytes) {
  if (auto valid = check_key(write.key); !valid) return valid;
  if (write.value.size() <= max_value_bytes) return {};
  return Error(ErrorCode::kInvalidArgument, "the value of \"" + write.key + "\" has " +
                                                std::to_string(write.value.size()) + " bytes; the limit is " +
                                                std::to_string(max_value_bytes));
}

Result<void> check_revision(const KeyWrite& write, std::string_view bucket, std::uint64_t actual) {
  const bool is_last = actual != 0 && actual == write.revision;
  switch (write.kind) {
    case KeyWrite::Kind::kPut: return {};
    case KeyWrite::Kind::kCreate: return expect_revision(actual == 0, write, bucket, actual);
    case KeyWrite::Kind::kUpdate: return expect_revision(is_last, write, bucket, actual);
    case KeyWrite::Kind::kErase: return expect_revision(write.revision == 0 || is_last, write, bucket, actual);
  }
  return {};
}

}  // namespace leat
