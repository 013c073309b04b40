// What can be asked of a broker and of what it opens, for those who count calls or make them fail.
#pragma once

#include <cstddef>
#include <string_view>

namespace leat {

enum class Operation {
  kEnsureStream,
  kAppend,
  kOpenConsumer,
  kOpenReader,
  kOpenBucket,
  kFetch,
  kSettle,
  kExtend,
  kRead,  // by a Reader
  kKeyRead,
  kKeyWrite,
  kKeyList,
  kKeyWatch,
  kKeyNext,  // of a KeyWatch
  kStreamFacts,
  kConsumerFacts,
  kReadBySequence,
  kReadLast,
  kRemove,
  kPurge,
  kDeleteStream,
  kDeleteConsumer,
};

inline constexpr std::size_t kOperations = 22;

// "append", "key_write", ...
std::string_view to_string(Operation operation);

}  // namespace leat
