// An expression that is taken is due again and again, ever later; and what is written of it is the same expression.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "leat/recurrence.h"

namespace {

constexpr std::array<std::string_view, 6> kZones{
    "", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "Antarctica/Troll"};

void check(bool right) {
  if (!right) std::abort();
}

leat::SystemTime start_of(std::string_view text) {
  std::uint64_t hash = 1469598103934665603U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return leat::SystemTime(leat::Duration(static_cast<leat::Duration::rep>(hash)));
}

void check_times(const leat::Recurrence& recurrence, const leat::Recurrence& same, leat::SystemTime after) {
  for (int i = 0; i < 5; ++i) {
    const auto due = recurrence.next(after);
    check(same.next(after) == due);
    if (!due) return;
    check(*due > after && recurrence.next(*due - leat::Duration(1)) == due);
    after = *due;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view zone = kZones[data[0] % kZones.size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto recurrence = leat::Recurrence::cron(text, zone);
  if (!recurrence) {
    check(recurrence.error().code() == leat::ErrorCode::kInvalidArgument);
    return 0;
  }
  const auto same = leat::Recurrence::cron(recurrence->expression(), recurrence->zone());
  check(same && same->expression() == recurrence->expression() && same->zone() == recurrence->zone());
  check_times(*recurrence, *same, start_of(text));
  return 0;
}
