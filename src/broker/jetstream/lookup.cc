#include "broker/jetstream/lookup.h"

#include "core/base64.h"
#include "core/text.h"

namespace leat::jetstream {
namespace {

Result<void> split_headers(std::string_view block, FoundMessage& to) {
  Headers all;
  if (!nats::parse_header_block(block, {}, all)) return Error(ErrorCode::kCorrupt, "its headers cannot be read");
  for (const auto& [name, value] : all) {
    (name.starts_with(kServerHeaders) ? to.server_headers : to.message.headers).set(name, value);
  }
  return {};
}

}  // namespace

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
