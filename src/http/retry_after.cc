#include "http/retry_after.h"

#include <curl/curl.h>

#include <algorithm>
#include <string>

#include "core/text.h"

namespace leat {
namespace {

constexpr std::chrono::seconds kLongestDelay = std::chrono::hours(24);

std::optional<std::chrono::seconds> wait_of(std::string_view text, SystemTime now) {
  if (text.find_first_not_of("0123456789") == text.npos) {
    const auto seconds = parse_number(text);
    if (!seconds || *seconds > static_cast<std::uint64_t>(kLongestDelay.count())) return kLongestDelay;
    return std::chrono::seconds(*seconds);
  }
  const time_t date = curl_getdate(std::string(text).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::chrono::seconds(date) - std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
}

}  // namespace

std::optional<Duration> retry_after(const HttpResponse& response, SystemTime now) {
  const auto text = response.header("Retry-After");
  if (!text || text->empty()) return std::nullopt;
  const auto wait = wait_of(*text, now);
  if (!wait || wait->count() <= 0) return std::nullopt;
  return std::min(*wait, kLongestDelay);
}

}  // namespace leat
