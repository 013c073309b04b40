#include "pipeline/clickhouse/column_source.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/nearest_name.h"
#include "core/text.h"

namespace leat {
namespace {

constexpr std::string_view kToken = "$subject.";
constexpr std::string_view kHeader = "$header.";

struct Named {
  std::string_view name;
  ColumnSource::Kind kind;
};
constexpr std::array kNamed{Named{"$subject", ColumnSource::Kind::kSubject},
                            Named{"$sequence", ColumnSource::Kind::kSequence},
                            Named{"$time", ColumnSource::Kind::kTime}, Named{"$payload", ColumnSource::Kind::kPayload}};

Error wrong(std::string_view text, const std::string& what) {
  return {ErrorCode::kInvalidArgument, "the source \"" + std::string(text) + "\" " + what};
}

Result<ColumnSource> message_source(std::string_view text) {
  for (const Named& one : kNamed) {
    if (text == one.name) return ColumnSource{one.kind, std::string(text)};
  }
  if (text.starts_with(kToken)) {
    const auto token = list_index(text.substr(kToken.size()));
    if (!token) return wrong(text, "is none: behind the dot stands a token's number, from 0");
    return ColumnSource{ColumnSource::Kind::kSubjectToken, std::string(text), *token};
  }
  if (text.starts_with(kHeader) && text.size() > kHeader.size()) {
    return ColumnSource{ColumnSource::Kind::kHeader, std::string(text), 0, std::string(text.substr(kHeader.size()))};
  }
  const std::vector<std::string> names{"$subject", "$subject.N", "$sequence", "$time", "$header.NAME", "$payload"};
  const auto nearest = nearest_name(text, names);
  return wrong(text, "is none: " + (nearest ? "did you mean " + *nearest + "?"
                                            : "expected $subject, $subject.N, $sequence, $time, $header.NAME, "
                                              "$payload or a path; a name with $ is written \"/$name\""));
}

Result<ColumnSource> dotted_path(std::string_view text) {
  ColumnSource source{ColumnSource::Kind::kPath, std::string(text)};
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    if (end == begin) return wrong(text, "has an empty step");
    source.path.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return source;
}

Result<ColumnSource> json_pointer(std::string_view text) {
  ColumnSource source{ColumnSource::Kind::kPath, std::string(text)};
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '/') {
      source.path.emplace_back();
    } else if (text[at] != '~') {
      source.path.back() += text[at];
    } else {
      const char escaped = ++at < text.size() ? text[at] : '\0';
      if (escaped != '0' && escaped != '1') return wrong(text, "has a ~ without 0 (for ~) or 1 (for /) behind it");
      source.path.back() += escaped == '0' ? '~' : '/';
    }
  }
  return source;
}

std::optional<std::string_view> token_of(std::string_view subject, std::size_t number) {
  for (; number > 0; --number) {
    const std::size_t dot = subject.find('.');
    if (dot == subject.npos) return std::nullopt;
    subject.remove_prefix(dot + 1);
  }
  return subject.substr(0, subject.find('.'));
}

}  // namespace

Result<ColumnSource> parse_source(std::string_view text) {
  if (text.starts_with('$')) return message_source(text);
  return text.starts_with('/') ? json_pointer(text) : dotted_path(text);
}

ColumnSource source_of_name(const std::string& name) {
  return {ColumnSource::Kind::kPath, name, 0, {}, {name}};
}

std::optional<std::size_t> list_index(std::string_view step) {
  if (step.size() > 1 && step.front() == '0') return std::nullopt;
  const auto number = parse_number(step);
  if (!number || *number > std::numeric_limits<int>::max()) return std::nullopt;
  return *number;
}

bool source_fits(const ColumnSource& source, const ColumnType& column) {
  using row_values::Family;
  const bool text = row_values::fits(Family::kText, column);
  const bool text_column = row_values::inside(column).kind == ColumnType::Kind::kString;
  if (source.kind == ColumnSource::Kind::kSequence) return row_values::fits(Family::kNumber, column) || text_column;
  if (source.kind == ColumnSource::Kind::kTime) return row_values::fits(Family::kTime, column) || text_column;
  return text;
}

std::optional<row_values::Problem> put_source(std::string& out, const ColumnType& column, const ColumnSource& source,
                                              const StoredMessage& message) {
  const bool text_column = row_values::inside(column).kind == ColumnType::Kind::kString;
  std::optional<std::string_view> text;
  switch (source.kind) {
    case ColumnSource::Kind::kSequence:
      if (text_column) return row_values::put_text(out, column, std::to_string(message.sequence));
      return row_values::put_natural(out, column, message.sequence);
    case ColumnSource::Kind::kTime:
      if (text_column) return row_values::put_text(out, column, to_rfc3339(message.time));
      return row_values::put_time(out, column, message.time);
    case ColumnSource::Kind::kSubject: text = message.subject; break;
    case ColumnSource::Kind::kSubjectToken: text = token_of(message.subject, source.token); break;
    case ColumnSource::Kind::kHeader: text = message.headers.get(source.header); break;
    case ColumnSource::Kind::kPayload: text = message.payload; break;
    case ColumnSource::Kind::kPath: break;
  }
  if (!text) return std::nullopt;
  return row_values::put_text(out, column, *text);
}

}  // namespace leat
