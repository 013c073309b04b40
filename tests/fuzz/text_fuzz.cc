// Texts that are taken come back when they are written again; subjects match themselves.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/text.h"
#include "leat/message.h"

namespace {

void check(bool right) {
  if (!right) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto time = leat::from_rfc3339(text)) check(leat::from_rfc3339(leat::to_rfc3339(*time)).has_value());
  // Beyond 2^53 ns the number of a duration text is no longer exact.
  constexpr leat::Duration kExact{std::int64_t{1} << 53};
  if (const auto duration = leat::parse_duration(text); duration && *duration < kExact) {
    check(leat::parse_duration(leat::format_duration(*duration)).value() == *duration);
  }
  if (const auto number = leat::parse_number(text)) check(leat::parse_number(std::to_string(*number)) == number);
  if (leat::check_subject(text)) {
    check(leat::check_filter(text).has_value());
    check(leat::subject_matches(text, text));
    check(leat::subject_matches(">", text));
  }
  const std::size_t half = size / 2;
  if (leat::check_filter(text.substr(0, half)) && leat::check_subject(text.substr(half))) {
    (void)leat::subject_matches(text.substr(0, half), text.substr(half));
  }
  return 0;
}
