// A subject filter in the form that SQL can use: a range of subjects, and a pattern where the range is not enough.
#pragma once

#include <string>
#include <string_view>

namespace leat::sqlite {

struct SubjectFilter {
  enum class Kind {
    kAll,      // selects every subject
    kRange,    // selects exactly low <= subject < high
    kPattern,  // selects a part of that range: ask leat_matches too
  };

  SubjectFilter() = default;
  // The filter must be valid (check_filter).
  explicit SubjectFilter(std::string filter);

  bool matches(std::string_view subject) const;

  std::string text = ">";
  Kind kind = Kind::kAll;
  std::string low;
  std::string high;
};

}  // namespace leat::sqlite
