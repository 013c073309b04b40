// Jobs whose payload is bytes as they are: images, or what another program has encoded.
//
//   struct Thumbnail : leat::RawJob<> { static constexpr std::string_view kind = "thumbnail"; };
//
//   queue.push(Thumbnail{{std::move(png)}});
//   worker.handle<Thumbnail>([](const Thumbnail& thumbnail) { show(thumbnail.payload); });
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "leat/job.h"

namespace leat {

// Derive from it and add a `kind`.
template <class B = std::string>
requires std::same_as<B, std::string> || std::same_as<B, std::vector<std::byte>>
struct RawJob {
  using Bytes = B;
  Bytes payload;
};

// Every payload is one of these: none is undecodable.
template <class T>
requires std::derived_from<T, RawJob<typename T::Bytes>>
struct Codec<T> {
  static Result<std::string> encode(const T& job) {
    std::string bytes(job.payload.size(), '\0');
    std::transform(job.payload.begin(), job.payload.end(), bytes.begin(), [](auto b) { return static_cast<char>(b); });
    return bytes;
  }
  static Result<T> decode(std::string_view bytes) {
    T job;
    job.payload.resize(bytes.size());
    using Byte = typename T::Bytes::value_type;
    std::transform(bytes.begin(), bytes.end(), job.payload.begin(), [](char c) { return static_cast<Byte>(c); });
    return job;
  }
};

}  // namespace leat
