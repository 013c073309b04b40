#include "broker/jetstream/pub_ack.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace leat::jetstream {
namespace {

// {"stream":"NAME", "seq":12} and {"stream":"NAME", "seq":12,"duplicate": true}; anything else is left to the parser.
std::optional<PubAck> parse_common(std::string_view text) {
  constexpr std::string_view kStream = "{\"stream\":\"";
  constexpr std::string_view kSequence = "\"seq\":";
  if (!text.starts_with(kStream)) return std::nullopt;
  text.remove_prefix(kStream.size());
  const std::size_t name_end = text.find_first_of("\"\\");
  if (name_end == text.npos || text[name_end] != '"') return std::nullopt;
  text.remove_prefix(name_end + 1);
  if (!text.starts_with(',')) return std::nullopt;
  text.remove_prefix(1);
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (!text.starts_with(kSequence)) return std::nullopt;
  text.remove_prefix(kSequence.size());
  PubAck ack;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ack.sequence);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  ack.duplicate = text == ",\"duplicate\": true}" || text == ",\"duplicate\":true}";
  if (!ack.duplicate && text != "}") return std::nullopt;
  return ack;
}

template <class T>
T integer_at(const nlohmann::json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number_integer() ? at->get<T>() : T{};
}

}  // namespace

std::optional<PubAck> parse_pub_ack(std::string_view text) {
  auto common = parse_common(text);
  if (!common) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    common.emplace();
    if (const auto error = json.find("error"); error != json.end() && error->is_object()) {
      common->error = integer_at<int>(*error, "err_code");
      common->code = integer_at<int>(*error, "code");
      const auto description = error->find("description");
      if (description != error->end() && description->is_string()) common->description = *description;
      if (common->error == 0 && common->code == 0) return std::nullopt;
      return common;
    }
    common->sequence = integer_at<std::uint64_t>(json, "seq");
    const auto duplicate = json.find("duplicate");
    common->duplicate = duplicate != json.end() && duplicate->is_boolean() && duplicate->get<bool>();
  }
  // A sequence of 0 stands for nothing stored.
  if (common->sequence == 0) return std::nullopt;
  return common;
}

}  // namespace leat::jetstream
