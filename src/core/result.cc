#include "leat/result.h"

namespace leat {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kUnknown: return "outcome unknown";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kFull: return "full";
    case ErrorCode::kLeaseLost: return "lease lost";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kInternal: return "internal";
  }
  return "error";
}

}  // namespace leat
