#include "jobs/claim_record.h"

#include <utility>

namespace leat {
namespace {

constexpr int kTries = 20;  // to take it over from one that does not know yet that it leads no more

Error lost() {
  return {ErrorCode::kLeaseLost, "another scheduler leads"};
}

}  // namespace

Result<void> ClaimRecord::write(const std::string& value) {
  if (revision_ == 0) return take_over(value);
  const auto written = records_.update(key_, value, std::exchange(revision_, 0));
  if (!written) return written.error().code() == ErrorCode::kConflict ? lost() : written.error();
  revision_ = *written;
  return {};
}

// Who leads is asked after the record was read: what is written at that revision is then ours to write.
Result<void> ClaimRecord::take_over(const std::string& value) {
  for (int i = 0; i < kTries; ++i) {
    const auto there = records_.get(key_);
    if (!there) return there.error();
    if (!still_leads_()) return lost();
    const auto written = *there ? records_.update(key_, value, (*there)->revision) : records_.create(key_, value);
    if (!written && written.error().code() == ErrorCode::kConflict) continue;
    if (!written) return written.error();
    revision_ = *written;
    return {};
  }
  return lost();
}

}  // namespace leat
