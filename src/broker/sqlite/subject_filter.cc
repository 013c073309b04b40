#include "broker/sqlite/subject_filter.h"

#include <algorithm>
#include <utility>

#include "leat/message.h"

namespace leat::sqlite {
namespace {

// The part of the filter before its first wildcard, with the dot at its end.
std::string literal_part(std::string_view filter) {
  std::size_t begin = 0;
  while (begin < filter.size()) {
    const std::size_t end = std::min(filter.find('.', begin), filter.size());
    const std::string_view token = filter.substr(begin, end - begin);
    if (token == "*" || token == ">") break;
    begin = end + 1;
  }
  return std::string(filter.substr(0, std::min(begin, filter.size())));
}

}  // namespace

SubjectFilter::SubjectFilter(std::string filter) : text(std::move(filter)) {
  low = literal_part(text);
  if (low.size() == text.size()) {
    kind = Kind::kRange;
    high = low + '\x01';  // no subject holds a character below the space
  } else if (low.empty()) {
    kind = text == ">" ? Kind::kAll : Kind::kPattern;
  } else {
    kind = text.size() == low.size() + 1 && text.back() == '>' ? Kind::kRange : Kind::kPattern;
    high = low;
    high.back() = '.' + 1;
  }
}

bool SubjectFilter::matches(std::string_view subject) const {
  switch (kind) {
    case Kind::kAll: return true;
    case Kind::kRange: return low <= subject && subject < high;
    case Kind::kPattern: break;
  }
  return subject_matches(text, subject);
}

}  // namespace leat::sqlite
