#include "broker/header_text.h"

#include <algorithm>

namespace leat {
namespace {

constexpr std::size_t kLongestHeader = 1000;

}  // namespace

std::string header_text(std::string_view text) {
  std::string line(text.substr(0, kLongestHeader));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == line.npos) return "(none)";
  return line.substr(begin, line.find_last_not_of(' ') - begin + 1);
}

}  // namespace leat
