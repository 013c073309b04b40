// Stored headers that are taken read back as the same list, and can be changed.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "leat/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  auto headers = leat::Headers::from_encoded(bytes);
  if (!headers) {
    if (headers.error().code() != leat::ErrorCode::kCorrupt) std::abort();
    return 0;
  }
  if (headers->encoded() != bytes) std::abort();
  std::size_t total = 0;
  for (const auto& [name, value] : *headers) total += 6 + name.size() + value.size();
  if (total != size) std::abort();
  (void)leat::check_headers(*headers).has_value();
  headers->set("name", "value");
  if (headers->get("name") != "value") std::abort();
  if (!leat::Headers::from_encoded(headers->encoded())) std::abort();
  return 0;
}
