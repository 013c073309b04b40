#include "leat/column_type.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/text.h"

namespace leat {
namespace {

using Kind = ColumnType::Kind;

constexpr unsigned kDeepestType = 32;  // types inside each other; ClickHouse's own limit is of this order

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct Simple {
  std::string_view name;
  Kind kind;
  unsigned bits = 0;
};
constexpr std::array kSimple{
    Simple{"Int8", Kind::kInt, 8},       Simple{"Int16", Kind::kInt, 16},     Simple{"Int32", Kind::kInt, 32},
    Simple{"Int64", Kind::kInt, 64},     Simple{"Int128", Kind::kInt, 128},   Simple{"Int256", Kind::kInt, 256},
    Simple{"UInt8", Kind::kUInt, 8},     Simple{"UInt16", Kind::kUInt, 16},   Simple{"UInt32", Kind::kUInt, 32},
    Simple{"UInt64", Kind::kUInt, 64},   Simple{"UInt128", Kind::kUInt, 128}, Simple{"UInt256", Kind::kUInt, 256},
    Simple{"Float32", Kind::kFloat, 32}, Simple{"Float64", Kind::kFloat, 64}, Simple{"Bool", Kind::kBool},
    Simple{"String", Kind::kString},     Simple{"Date", Kind::kDate},         Simple{"Date32", Kind::kDate32},
    Simple{"UUID", Kind::kUuid},         Simple{"IPv4", Kind::kIpv4},         Simple{"IPv6", Kind::kIpv6},
};

unsigned bits_of_decimal(std::uint64_t digits) {
  return digits <= 9 ? 32 : digits <= 18 ? 64 : digits <= 38 ? 128 : 256;
}

// Recursive descent over one text. A member that returns false has left a problem.
class Parser {
 public:
  explicit Parser(std::string_view text) : all_(text), rest_(text) {}

  Result<ColumnType> parse() {
    ColumnType type;
    if (read(type, 0) && !rest_.empty()) fail("\"" + std::string(rest_.substr(0, 40)) + "\" stands behind it");
    if (problem_.empty()) return type;
    return Error(ErrorCode::kInvalidArgument, "type " + std::string(all_.substr(0, 200)) + ": " + problem_);
  }

 private:
  bool fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  void skip_spaces() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    skip_spaces();
    return true;
  }
  bool expect(char c) { return take(c) || fail(std::string("expected `") + c + "`"); }

  std::string_view word() {
    skip_spaces();
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_word);
    const std::string_view found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    skip_spaces();
    return found;
  }
  // Up to the quote that ends it, with backslashes and doubled quotes undone.
  bool quoted(char quote, std::string& out) {
    if (rest_.empty() || rest_.front() != quote) return fail(std::string("expected ") + quote);
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      const bool doubled = c == quote && !rest_.empty() && rest_.front() == quote;
      if (c == quote && !doubled) {
        skip_spaces();
        return true;
      }
      if ((c == '\\' || doubled) && !rest_.empty()) {
        out += rest_.front();
        rest_.remove_prefix(1);
      } else {
        out += c;
      }
    }
    return fail("a quote is not closed");
  }
  bool number(std::uint64_t least, std::uint64_t most, unsigned& out) {
    const auto value = parse_number(word());
    if (!value || *value < least || *value > most) {
      return fail("expected a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    out = static_cast<unsigned>(*value);
    return true;
  }

  bool read(ColumnType& out, unsigned depth);
  bool read_named(std::string_view name, ColumnType& out, unsigned depth);
  bool read_decimal(std::string_view name, ColumnType& out);
  bool read_date_time(ColumnType& out);
  bool read_date_time64(ColumnType& out);
  bool read_enum(unsigned bits, ColumnType& out);
  bool read_enum_value(ColumnType& out);
  bool read_inner(std::size_t count, ColumnType& out, unsigned depth);
  bool read_tuple(ColumnType& out, unsigned depth);
  bool read_element_name(std::string& name);
  bool read_transparent(std::string_view name, ColumnType& out, unsigned depth);
  bool skip_parameters();

  std::string_view all_;
  std::string_view rest_;
  std::string problem_;
};

// DESCRIBE breaks the lines of long tuples.
std::string without_breaks(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool after_open = !line.empty() && (line.back() == '(' || line.back() == ' ');
    if (!is_space(c)) {
      if (c == ')' && !line.empty() && line.back() == ' ') line.pop_back();
      line += c;
    } else if (!line.empty() && !after_open) {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

bool Parser::read(ColumnType& out, unsigned depth) {
  if (depth > kDeepestType) return fail("more than " + std::to_string(kDeepestType) + " types inside each other");
  skip_spaces();
  const std::string_view begin = rest_;
  const std::string_view name = word();
  if (name.empty()) return fail("a type's name is missing");
  if (!read_named(name, out, depth)) return false;
  out.text = without_breaks(begin.substr(0, begin.size() - rest_.size()));
  return true;
}

bool Parser::read_named(std::string_view name, ColumnType& out, unsigned depth) {
  for (const Simple& simple : kSimple) {
    if (simple.name != name) continue;
    out.kind = simple.kind;
    out.bits = simple.bits;
    return true;
  }
  if (name.starts_with("Decimal")) return read_decimal(name, out);
  if (name == "DateTime") return read_date_time(out);
  if (name == "DateTime64") return read_date_time64(out);
  if (name == "Enum8" || name == "Enum16") return read_enum(name == "Enum8" ? 8 : 16, out);
  if (name == "LowCardinality" || name == "SimpleAggregateFunction") return read_transparent(name, out, depth);
  if (name == "JSON" || name == "Object") {
    out.kind = Kind::kJson;
    return rest_.starts_with('(') ? skip_parameters() : true;
  }
  if (name == "FixedString") {
    out.kind = Kind::kFixedString;
    return expect('(') && number(1, 0xFFFFFF, out.size) && expect(')');
  }
  if (name == "Tuple") return read_tuple(out, depth);
  const bool map = name == "Map";
  if (!map && name != "Array" && name != "Nullable") return fail("\"" + std::string(name) + "\" is not known to leat");
  out.kind = map ? Kind::kMap : name == "Array" ? Kind::kArray : Kind::kNullable;
  return read_inner(map ? 2 : 1, out, depth);
}

// Decimal(P, S), and Decimal64(S) and its like, which servers write only in what users gave them.
bool Parser::read_decimal(std::string_view name, ColumnType& out) {
  out.kind = Kind::kDecimal;
  const std::string_view width = name.substr(std::string_view("Decimal").size());
  out.size = width == "32" ? 9 : width == "64" ? 18 : width == "128" ? 38 : width == "256" ? 76 : 0;
  if (!width.empty() && out.size == 0) return fail("\"" + std::string(name) + "\" is not known to leat");
  if (!expect('(')) return false;
  if (width.empty() && !(number(1, 76, out.size) && expect(','))) return false;
  if (!number(0, out.size, out.scale)) return false;
  out.bits = bits_of_decimal(out.size);
  return expect(')');
}

bool Parser::read_date_time(ColumnType& out) {
  out.kind = Kind::kDateTime;
  std::string time_zone;
  return !take('(') || (quoted('\'', time_zone) && expect(')'));
}

bool Parser::read_date_time64(ColumnType& out) {
  out.kind = Kind::kDateTime64;
  if (!expect('(') || !number(0, 9, out.scale)) return false;
  std::string time_zone;
  if (take(',') && !quoted('\'', time_zone)) return false;
  return expect(')');
}

bool Parser::read_enum(unsigned bits, ColumnType& out) {
  out.kind = Kind::kEnum;
  out.bits = bits;
  if (!expect('(')) return false;
  do {
    if (!read_enum_value(out)) return false;
  } while (take(','));
  return expect(')');
}

bool Parser::read_enum_value(ColumnType& out) {
  std::string name;
  if (!quoted('\'', name) || !expect('=')) return false;
  const bool negative = take('-');
  const std::int64_t limit = (out.bits == 8 ? 128 : 32768) - (negative ? 0 : 1);
  unsigned magnitude = 0;
  if (!number(0, static_cast<std::uint64_t>(limit), magnitude)) return false;
  const int value = negative ? -static_cast<int>(magnitude) : static_cast<int>(magnitude);
  out.names.push_back(std::move(name));
  out.values.push_back(static_cast<std::int16_t>(value));
  return true;
}

bool Parser::read_inner(std::size_t count, ColumnType& out, unsigned depth) {
  if (!expect('(')) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0 && !expect(',')) return false;
    if (!read(out.inner.emplace_back(), depth + 1)) return false;
  }
  return expect(')');
}

bool Parser::read_tuple(ColumnType& out, unsigned depth) {
  out.kind = Kind::kTuple;
  if (!expect('(')) return false;
  do {
    std::string name;
    if (!read_element_name(name)) return false;
    if (!read(out.inner.emplace_back(), depth + 1)) return false;
    if (!name.empty()) out.names.push_back(std::move(name));
  } while (take(','));
  if (!out.names.empty() && out.names.size() != out.inner.size()) return fail("some elements have a name, others none");
  return expect(')');
}

// A name is a word or backquoted, with a type behind it.
bool Parser::read_element_name(std::string& name) {
  if (rest_.starts_with('`')) return quoted('`', name);
  const std::string_view before = rest_;
  const std::string_view first = word();
  if (rest_.empty() || !is_word(rest_.front())) {
    rest_ = before;
  } else {
    name = first;
  }
  return true;
}

bool Parser::read_transparent(std::string_view name, ColumnType& out, unsigned depth) {
  if (!expect('(')) return false;
  if (name == "SimpleAggregateFunction") {
    if (word().empty()) return fail("a function's name is missing");
    if (rest_.starts_with('(') && !skip_parameters()) return false;
    if (!expect(',')) return false;
  }
  return read(out, depth + 1) && expect(')');
}

// What stands in parentheses, whatever it is.
bool Parser::skip_parameters() {
  unsigned open = 0;
  while (!rest_.empty()) {
    const char c = rest_.front();
    std::string ignored;
    if (c == '\'' || c == '`') {
      if (!quoted(c, ignored)) return false;
      continue;
    }
    rest_.remove_prefix(1);
    if (c == '(') ++open;
    if (c == ')' && --open == 0) {
      skip_spaces();
      return true;
    }
  }
  return fail("a parenthesis is not closed");
}

}  // namespace

Result<ColumnType> parse_column_type(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace leat
