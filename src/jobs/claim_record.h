// The record with which a leader says what is on its way.
//
// It is only written at the revision that the leader has written itself: one that stood still while another took over
// cannot write over what that one claims.
#pragma once

#include <functional>
#include <string>

#include "leat/key_value.h"

namespace leat {

// Not thread-safe.
class ClaimRecord {
 public:
  ClaimRecord(KeyValue& records, std::string key, std::function<bool()> still_leads)
      : records_(records), key_(std::move(key)), still_leads_(std::move(still_leads)) {}

  // The first write takes the record over from whoever had it. Errors: kLeaseLost (another one leads), kUnavailable,
  // kUnknown.
  Result<void> write(const std::string& value);
  // Takes it over, with a value made of the one that is there (empty: none). Errors: as write().
  Result<void> take_over(const std::function<std::string(const std::string& there)>& make);

 private:
  KeyValue& records_;
  const std::string key_;
  const std::function<bool()> still_leads_;
  std::uint64_t revision_ = 0;  // of our last write; 0: not known
};

}  // namespace leat
