// Rows for ClickHouse: from C++ structs and from JSON objects, checked against the table's own columns.
//
//   struct Reading {
//     std::uint64_t device;
//     leat::SystemTime at;
//     std::string place;
//     static constexpr auto row() {
//       return leat::row(leat::column("device", &Reading::device), leat::column("at", &Reading::at),
//                        leat::column("place", &Reading::place));
//     }
//   };
//
// leat/row_values.h tells which C++ type fits which column.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "leat/clickhouse.h"
#include "leat/result.h"
#include "leat/row_values.h"

namespace leat {

template <class Struct, class Member>
struct RowMember {
  std::string_view name;  // of the column; a literal
  Member Struct::*member;
};

template <class Struct, class Member>
constexpr RowMember<Struct, Member> column(std::string_view name, Member Struct::*member) {
  return {name, member};
}

template <class... Members>
constexpr std::tuple<Members...> row(Members... members) {
  return {members...};
}

// Encoded rows, one behind the other, and where each ends. A value; not thread-safe for writing.
class RowBatch {
 public:
  std::size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  std::size_t bytes() const { return bytes_.size(); }

  // The rows from `begin` to before `end`, as one piece. The view lives until the next change.
  std::string_view rows(std::size_t begin, std::size_t end) const;
  std::string_view rows() const { return bytes_; }

  void append(std::string_view encoded_row);
  // Drops the rows behind the first `rows` (0 to size()), and bytes of one that was begun.
  void cut_back(std::size_t rows);
  void clear();
  // Makes room for so many rows and bytes in all.
  void reserve(std::size_t rows, std::size_t bytes);

 private:
  friend class RowEncoder;

  std::string bytes_;
  std::vector<std::size_t> ends_;
};

// What rows of one table are made of: some of its columns, in an order. Copies hold all they need. Thread-safe.
class RowEncoder {
 public:
  enum class Missing {
    kRefused,  // a row of JSON without a value for a column that is not Nullable is refused
    kZero,     // such a column gets its type's zero: 0, "", 1970-01-01
  };
  enum class Unknown { kRefused, kIgnored };  // keys of JSON objects that no column has
  struct JsonRules {
    Missing missing = Missing::kRefused;
    Unknown unknown = Unknown::kRefused;
  };

  // For rows with these columns; none: all that can be inserted, in the table's order.
  // Errors: kInvalidArgument, naming the column: the table has none of this name, it cannot be inserted (MATERIALIZED,
  // ALIAS), it stands twice.
  static Result<RowEncoder> open(const TableDescription& table, std::span<const std::string> columns = {});
  // For rows that are a struct: its columns, in its order. Beside the errors above: a member's C++ type does not fit.
  template <class Struct>
  static Result<RowEncoder> open(const TableDescription& table);

  const std::string& table() const { return table_; }
  const std::vector<TableColumn>& columns() const { return columns_; }
  std::vector<std::string> column_names() const;

  // Appends one row. Nothing is appended when it is an error: kInvalidArgument, naming column, type and value.
  template <class Struct>
  Result<void> encode(RowBatch& batch, const Struct& value) const;
  // The same for a JSON object in text, by column name. Numbers may be strings too (as 64 bits need them); an object or
  // a list for a String column is kept as its text; times as RFC 3339, or seconds since 1970. null is NULL.
  Result<void> encode_json(RowBatch& batch, std::string_view object, const JsonRules& rules) const;
  Result<void> encode_json(RowBatch& batch, std::string_view object) const { return encode_json(batch, object, {}); }

 private:
  RowEncoder(std::string table, std::vector<TableColumn> columns)
      : table_(std::move(table)), columns_(std::move(columns)) {}

  static Error misfit(const TableColumn& column, std::string_view what);
  void end_row(RowBatch& batch) const { batch.ends_.push_back(batch.bytes_.size()); }

  std::string table_;
  std::vector<TableColumn> columns_;
};

template <class Struct>
Result<RowEncoder> RowEncoder::open(const TableDescription& table) {
  const auto members = Struct::row();
  std::vector<std::string> names;
  std::apply([&](const auto&... member) { (names.emplace_back(member.name), ...); }, members);
  auto encoder = open(table, names);
  if (!encoder) return encoder;
  std::size_t at = 0;
  std::optional<Error> error;
  const auto check = [&]<class Member>(const RowMember<Struct, Member>&) {
    const TableColumn& column = encoder->columns_[at++];
    if (!error && !row_values::Value<Member>::fits(column.type)) {
      error = misfit(column, "the struct's member is of a type whose values are none of this");
    }
  };
  std::apply([&](const auto&... member) { (check(member), ...); }, members);
  if (error) return *error;
  return encoder;
}

template <class Struct>
Result<void> RowEncoder::encode(RowBatch& batch, const Struct& value) const {
  const auto members = Struct::row();
  const std::size_t before = batch.bytes_.size();
  std::size_t at = 0;
  row_values::Problem problem;
  const auto put = [&]<class Member>(const RowMember<Struct, Member>& member) {
    problem = row_values::Value<Member>::put(batch.bytes_, columns_[at].type, value.*(member.member));
    if (problem.empty()) ++at;
    return problem.empty();
  };
  const bool fits = std::apply([&](const auto&... member) { return (put(member) && ...); }, members);
  if (!fits) {
    batch.bytes_.resize(before);
    return misfit(columns_[at], problem);
  }
  end_row(batch);
  return {};
}

}  // namespace leat
