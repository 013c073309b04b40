#include "cli/json_check.h"

#include <nlohmann/json.hpp>
#include <string>

namespace leat::cli {
namespace {

using nlohmann::json;

// Reads JSON and keeps nothing but its error.
class Checker : public json::json_sax_t {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(json::number_integer_t) override { return true; }
  bool number_unsigned(json::number_unsigned_t) override { return true; }
  bool number_float(json::number_float_t, const json::string_t&) override { return true; }
  bool string(json::string_t&) override { return true; }
  bool binary(json::binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(json::string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const json::exception& e) override {
    constexpr int kNumberOverflow = 406;
    error_ = e.id == kNumberOverflow ? "] it holds a number beyond a double's range: send it as a string" : e.what();
    return false;
  }

  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing ...: what"
  std::string error() const {
    const auto begin = error_.find("at line");
    return begin == error_.npos ? error_.substr(error_.find(']') + 2) : error_.substr(begin);
  }

 private:
  std::string error_;
};

}  // namespace

Result<void> check_json(std::string_view text) {
  Checker checker;
  if (json::sax_parse(text, &checker)) return {};
  return Error(ErrorCode::kInvalidArgument, "payload is no JSON, " + checker.error());
}

}  // namespace leat::cli
