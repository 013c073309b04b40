// What the settings of streams, subscriptions and buckets have in common.
#pragma once

#include <string>

namespace leat {

enum class Storage { kFile, kMemory };

// A setting of something that exists and differs from what was asked for. Nothing was changed.
struct Drift {
  std::string setting;  // the name of its field in StreamConfig, ConsumerConfig or BucketConfig, or else the broker's
  std::string wanted;
  std::string actual;
};

}  // namespace leat
