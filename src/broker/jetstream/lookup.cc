#include "broker/jetstream/lookup.h"

#include <array>

#include "core/text.h"

namespace leat::jetstream {
namespace {

constexpr std::array<signed char, 256> make_base64_values() {
  std::array<signed char, 256> values{};
  values.fill(-1);
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<signed char>(i);
  }
  return values;
}
constexpr auto kBase64Values = make_base64_values();

Result<void> split_headers(std::string_view block, FoundMessage& to) {
  Headers all;
  if (!nats::parse_header_block(block, {}, all)) return Error(ErrorCode::kCorrupt, "its headers cannot be read");
  for (const auto& [name, value] : all) {
    (name.starts_with(kServerHeaders) ? to.server_headers : to.message.headers).set(name, value);
  }
  return {};
}

}  // namespace

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = kBase64Values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    buffer = (buffer << 6 | static_cast<unsigned>(value)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>(buffer >> bits));
    }
  }
  return bytes;
}

std::string by_sequence(std::uint64_t sequence) {
  return nlohmann::json{{"seq", sequence}}.dump();
}

std::string last_by_subject(std::string_view subject) {
  return nlohmann::json{{"last_by_subj", subject}}.dump();
}

std::string next_by_subject(std::uint64_t from_sequence, std::string_view filter) {
  return nlohmann::json{{"seq", from_sequence}, {"next_by_subj", filter}}.dump();
}

Result<Found> parse_found(std::string_view text, std::string_view what) {
  const auto answer = parse_api_answer(text);
  if (!answer) return answer.error().with_context(what);
  if (answer->error == ApiCode::kNoMessage || answer->error == ApiCode::kNoSuchSequence) return Found();
  if (answer->error != 0) return api_error(*answer, what);
  const auto& json = object_at(answer->body, "message");
  FoundMessage found;
  found.message.subject = text_at(json, "subject");
  found.message.sequence = number_at(json, "seq");
  const auto data = from_base64(text_at(json, "data"));
  const auto block = from_base64(text_at(json, "hdrs"));
  const auto time = from_rfc3339(text_at(json, "time"));
  if (found.message.sequence == 0 || !data || !block || !time) {
    return Error(ErrorCode::kCorrupt, std::string(what) + ": a stored message cannot be read");
  }
  found.message.payload = *data;
  found.message.time = *time;
  if (!block->empty()) {
    if (auto split = split_headers(*block, found); !split) return split.error().with_context(what);
  }
  return Found(std::move(found));
}

std::vector<Result<Found>> look_up(Session& session, std::string_view stream, std::span<const std::string> bodies) {
  const std::string subject = session.api().subject("STREAM.MSG.GET." + std::string(stream));
  const std::string what = "stream \"" + std::string(stream) + "\"";
  std::vector<nats::Request> requests;
  requests.reserve(bodies.size());
  for (const std::string& body : bodies) requests.push_back({subject, body});
  std::vector<Result<Found>> found;
  found.reserve(bodies.size());
  for (auto& answer : session.ask_all(requests)) {
    if (answer) {
      found.push_back(parse_found(answer->data(), what));
    } else {
      found.emplace_back(answer.error().with_context(what));
    }
  }
  return found;
}

Result<Found> look_up_one(Session& session, std::string_view stream, std::string body) {
  return std::move(look_up(session, stream, {&body, 1}).front());
}

}  // namespace leat::jetstream
