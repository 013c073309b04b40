#pragma once

#include <string>
#include <utility>

#include "leat/result.h"

namespace leat {

inline Error invalid_argument(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

}  // namespace leat
