// A URL that is taken gives back its parts; what is written of it shows no password.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = leat::parse_url(text);
  if (!url) {
    if (url.error().code() != leat::ErrorCode::kInvalidArgument) std::abort();
    return 0;
  }
  leat::Url bare = *url;
  if (bare.user) bare.user = "x";
  if (bare.password) bare.password = "x";
  // The redacted form does not depend on the secrets.
  if (bare.redacted() != url->redacted()) std::abort();
  return 0;
}
