// The message types of a descriptor set, and messages of them without generated code.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string_view>
#include <vector>

#include "leat/result.h"

namespace leat {

// Thread-safe. What it returns lives as long as it does.
class MessageTypes {
 public:
  // The files may stand in any order. google's own types are this program's, whether the set has them or not.
  // Errors: kInvalidArgument: no descriptor set; a file that one imports is missing; a file that protobuf refuses.
  static Result<std::shared_ptr<const MessageTypes>> open(std::string_view descriptor_set);

  // kInvalidArgument, with the nearest name.
  Result<const google::protobuf::Descriptor*> find(std::string_view name) const;

  // An empty message, from which others are made.
  const google::protobuf::Message& prototype(const google::protobuf::Descriptor& type) const;

 private:
  MessageTypes() = default;
  friend class FileSetBuilder;

  google::protobuf::DescriptorPool pool_;
  std::vector<const google::protobuf::FileDescriptor*> files_;
  mutable google::protobuf::DynamicMessageFactory factory_;  // locks by itself
};

// google's own types that every program with protobuf has.
enum class WellKnown { kNone, kTimestamp, kDuration, kStruct, kValue, kListValue, kWrapper };
WellKnown well_known(const google::protobuf::Descriptor& type);

}  // namespace leat
