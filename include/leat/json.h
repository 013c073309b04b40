// Job types as JSON: everything that nlohmann::json converts, for example by NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE.
// One of the few public headers that bring a foreign one, beside leat/asio.h and leat/protobuf.h.
#pragma once

#include <concepts>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "leat/job.h"

namespace leat {

template <class T>
requires requires(nlohmann::json& json, const T& value) {
  {json = value};
  { json.template get<T>() } -> std::same_as<T>;
}
struct Codec<T> {
  // Refuses text that is not UTF-8. What a conversion throws, of whatever type, is an error here.
  static Result<std::string> encode(const T& value) {
    try {
      return nlohmann::json(value).dump();
    } catch (...) {
      return thrown();
    }
  }
  static Result<T> decode(std::string_view bytes) {
    try {
      return nlohmann::json::parse(bytes).get<T>();
    } catch (...) {
      return thrown();
    }
  }

 private:
  // By nlohmann::json, or by the type's own to_json() and from_json().
  static Error thrown() {
    try {
      throw;
    } catch (const std::exception& e) {
      return Error(ErrorCode::kInvalidArgument, e.what());
    } catch (...) {
      return Error(ErrorCode::kInvalidArgument, "its conversion threw something that is no std::exception");
    }
  }
};

}  // namespace leat
