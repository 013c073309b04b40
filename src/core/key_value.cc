#include "leat/key_value.h"

namespace leat {
namespace {

Result<std::uint64_t> write_one(KeyValue& bucket, KeyWrite write) {
  return std::move(bucket.write({&write, 1}).front());
}

}  // namespace

Result<std::optional<KeyEntry>> KeyValue::get(std::string key) {
  return std::move(read({&key, 1}).front());
}

Result<std::uint64_t> KeyValue::put(std::string key, std::string value) {
  return write_one(*this, {.kind = KeyWrite::Kind::kPut, .key = std::move(key), .value = std::move(value)});
}

Result<std::uint64_t> KeyValue::create(std::string key, std::string value) {
  return write_one(*this, {.kind = KeyWrite::Kind::kCreate, .key = std::move(key), .value = std::move(value)});
}

Result<std::uint64_t> KeyValue::update(std::string key, std::string value, std::uint64_t revision) {
  return write_one(
      *this, {.kind = KeyWrite::Kind::kUpdate, .key = std::move(key), .value = std::move(value), .revision = revision});
}

Result<void> KeyValue::erase(std::string key, std::uint64_t revision) {
  auto erased =
      write_one(*this, {.kind = KeyWrite::Kind::kErase, .key = std::move(key), .value = {}, .revision = revision});
  if (!erased) return erased.error();
  return {};
}

}  // namespace leat
