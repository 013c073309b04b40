#include "jobs/claim_record.h"

#include <utility>

namespace leat {
namespace {

constexpr int kClaimTries = 20;  // to take it over from one that does not know yet that it leads no more

Error lost() {
  return {ErrorCode::kLeaseLost, "another scheduler leads"};
}

}  // namespace

Result<void> ClaimRecord::write(const std::string& value) {
  if (revision_ == 0) return take_over([&](const std::string&) { return value; });
  const auto written = records_.update(key_, value, std::exchange(revision_, 0));
  if (!written) return written.error().code() == ErrorCode::kConflict ? lost() : written.error();
  revision_ = *written;
  return {};
}

// Who leads is asked after the record was read: what is written at that revision is then ours to write.
Result<void> ClaimRecord::take_over(const std::function<std::string(const std::string& there)>& make) {
  for (int i = 0; i < kClaimTries; ++i) {
    const auto there = records_.get(key_);
    if (!there) return there.error();
    if (!still_leads_()) return lost();
    const std::string value = make(*there ? (*there)->value : std::string());
    const auto written = *there ? records_.update(key_, value, (*there)->revision) : records_.create(key_, value);
    if (!written && written.error().code() == ErrorCode::kConflict) continue;
    if (!written) return written.error();
    revision_ = *written;
    return {};
  }
  return lost();
}

}  // namespace leat
