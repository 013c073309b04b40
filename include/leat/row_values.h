// How C++ values become values of ClickHouse's columns, in RowBinary. leat/rows.h is what programs use.
//
//   bool, integers, enumerations    Int, UInt, Bool, Enum, Decimal, Float (when it is exact), DateTime (seconds since
//   1970) float, double                   Float; integers when it is one; DateTime64 (seconds since 1970) std::string,
//   std::string_view   String, FixedString (filled up with zero bytes), JSON, Enum (by name); every other
//                                   type that is no collection, as text: "12.50" for a Decimal, "2026-01-31" for a
//                                   Date, RFC 3339 with `Z` or an offset for a DateTime
//   SystemTime                      Date, Date32, DateTime, DateTime64: digits that the column has no room for are cut
//   std::optional<T>                Nullable; without a value, nothing else
//   std::vector<T>                  Array
//   std::map<K, V>                  Map
//   std::pair, std::tuple           Tuple, by position
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "leat/clock.h"
#include "leat/column_type.h"

namespace leat::row_values {

// Empty when the value fits; else why not, with the value in it. What was appended to `out` by then is to be cut off.
using Problem = std::string;

Problem put_integer(std::string& out, const ColumnType& type, std::int64_t value);
Problem put_natural(std::string& out, const ColumnType& type, std::uint64_t value);
Problem put_real(std::string& out, const ColumnType& type, double value);
Problem put_text(std::string& out, const ColumnType& type, std::string_view value);
Problem put_time(std::string& out, const ColumnType& type, SystemTime value);
Problem put_null(std::string& out, const ColumnType& type);
void put_length(std::string& out, std::uint64_t length);

// The families of C++ types, and whether values of one can fit a column of this type, NULL aside.
enum class Family { kNumber, kText, kTime };
bool fits(Family family, const ColumnType& type);

template <class T>
struct Value;  // a type without one cannot be a column

// The type inside of Nullable, whose values a byte stands before.
inline const ColumnType& without_null(std::string& out, const ColumnType& type) {
  if (!type.nullable()) return type;
  out += '\0';
  return type.inner[0];
}
inline const ColumnType& inside(const ColumnType& type) {
  return type.nullable() ? type.inner[0] : type;
}

template <class T>
requires(std::integral<T> || std::is_enum_v<T> || std::floating_point<T>) struct Value<T> {
  static bool fits(const ColumnType& type) { return row_values::fits(Family::kNumber, type); }
  static Problem put(std::string& out, const ColumnType& type, T value) {
    if constexpr (std::floating_point<T>) {
      return put_real(out, type, static_cast<double>(value));
    } else if constexpr (std::is_enum_v<T>) {
      return Value<std::underlying_type_t<T>>::put(out, type, static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_signed_v<T>) {
      return put_integer(out, type, value);
    } else {
      return put_natural(out, type, value);
    }
  }
};

template <class T>
requires std::convertible_to<const T&, std::string_view>
struct Value<T> {
  static bool fits(const ColumnType& type) { return row_values::fits(Family::kText, type); }
  static Problem put(std::string& out, const ColumnType& type, std::string_view value) {
    return put_text(out, type, value);
  }
};

template <>
struct Value<SystemTime> {
  static bool fits(const ColumnType& type) { return row_values::fits(Family::kTime, type); }
  static Problem put(std::string& out, const ColumnType& type, SystemTime value) { return put_time(out, type, value); }
};

template <class T>
struct Value<std::optional<T>> {
  static bool fits(const ColumnType& type) { return type.nullable() && Value<T>::fits(type); }
  static Problem put(std::string& out, const ColumnType& type, const std::optional<T>& value) {
    return value ? Value<T>::put(out, type, *value) : put_null(out, type);
  }
};

template <class T>
struct Value<std::vector<T>> {
  static bool fits(const ColumnType& type) {
    return type.kind == ColumnType::Kind::kArray && Value<T>::fits(type.inner[0]);
  }
  static Problem put(std::string& out, const ColumnType& type, const std::vector<T>& value) {
    put_length(out, value.size());
    for (const auto& one : value) {
      if (auto problem = Value<T>::put(out, type.inner[0], one); !problem.empty()) return problem;
    }
    return {};
  }
};

template <class K, class V>
struct Value<std::map<K, V>> {
  static bool fits(const ColumnType& type) {
    return type.kind == ColumnType::Kind::kMap && Value<K>::fits(type.inner[0]) && Value<V>::fits(type.inner[1]);
  }
  static Problem put(std::string& out, const ColumnType& type, const std::map<K, V>& value) {
    put_length(out, value.size());
    for (const auto& [key, mapped] : value) {
      if (auto problem = Value<K>::put(out, type.inner[0], key); !problem.empty()) return problem;
      if (auto problem = Value<V>::put(out, type.inner[1], mapped); !problem.empty()) return problem;
    }
    return {};
  }
};

template <class... T>
struct Value<std::tuple<T...>> {
  static bool fits(const ColumnType& type) {
    if (type.kind != ColumnType::Kind::kTuple || type.inner.size() != sizeof...(T)) return false;
    std::size_t at = 0;
    return (Value<T>::fits(type.inner[at++]) && ...);
  }
  static Problem put(std::string& out, const ColumnType& type, const std::tuple<T...>& value) {
    std::size_t at = 0;
    Problem problem;
    const auto put_one = [&](const auto& one) {
      problem = Value<std::remove_cvref_t<decltype(one)>>::put(out, type.inner[at++], one);
      return problem.empty();
    };
    std::apply([&](const T&... one) { static_cast<void>((put_one(one) && ...)); }, value);
    return problem;
  }
};

template <class A, class B>
struct Value<std::pair<A, B>> {
  static bool fits(const ColumnType& type) { return Value<std::tuple<A, B>>::fits(type); }
  static Problem put(std::string& out, const ColumnType& type, const std::pair<A, B>& value) {
    return Value<std::tuple<A, B>>::put(out, type, std::tuple<A, B>(value));
  }
};

}  // namespace leat::row_values
