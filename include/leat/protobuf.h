// Job types as protobuf messages. Link libprotobuf to a program that includes it.
//
// protoc's classes have no kind, and nothing may derive from them; so a job wraps its message:
//
//   struct Resize : leat::ProtobufJob<images::Resize> { static constexpr std::string_view kind = "resize"; };
//
//   Resize job;
//   job.message.set_path("cat.jpg");
//   queue.push(job);
//   worker.handle<Resize>([](const Resize& job) { resize(job.message.path()); });
#pragma once

#include <google/protobuf/message_lite.h>

#include <concepts>
#include <limits>
#include <string>
#include <string_view>

#include "leat/job.h"

namespace leat {

// Derive from it and add a `kind`.
template <std::derived_from<google::protobuf::MessageLite> M>
struct ProtobufJob {
  using Message = M;
  Message message;
};

// Refuses, both ways, a message without its required fields.
template <class T>
requires std::derived_from<T, ProtobufJob<typename T::Message>>
struct Codec<T> {
  static Result<std::string> encode(const T& job) {
    std::string bytes;
    if (!job.message.IsInitialized()) return incomplete(job.message);
    if (!job.message.SerializeToString(&bytes))
      return Error(ErrorCode::kInvalidArgument, job.message.GetTypeName() + ": larger than protobuf can encode, 2 GiB");
    return bytes;
  }
  static Result<T> decode(std::string_view bytes) {
    T job;
    if (bytes.size() > std::numeric_limits<int>::max() ||
        !job.message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return Error(ErrorCode::kInvalidArgument, "these bytes are no " + job.message.GetTypeName());
    if (!job.message.IsInitialized()) return incomplete(job.message);
    return job;
  }

 private:
  static Error incomplete(const typename T::Message& message) {
    return {ErrorCode::kInvalidArgument,
            message.GetTypeName() + ": required fields are missing: " + message.InitializationErrorString()};
  }
};

}  // namespace leat
