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

// An answer to a direct request: the message itself. Empty where only the API can tell what it means.
std::optional<Found> parse_direct(const nats::Received& answer) {
  constexpr int kMissing = 404;
  if (answer.status() == kMissing) return Found();
  if (answer.status() != 0) return std::nullopt;
  FoundMessage found;
  found.message.headers = answer.headers(kServerHeaders);  // before header()
  found.message.payload = answer.data();
  const auto sequence = parse_number(answer.header("Nats-Sequence").value_or(""));
  const auto time = from_rfc3339(answer.header("Nats-Time-Stamp").value_or(""));
  found.message.subject = answer.header("Nats-Subject").value_or("");
  if (!sequence || !time || found.message.subject.empty()) return std::nullopt;
  found.message.sequence = *sequence;
  found.message.time = *time;
  return Found(std::move(found));
}

}  // namespace

std::string by_sequence(std::uint64_t sequence) {
  return R"({"seq":)" + std::to_string(sequence) + "}";
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

std::vector<Result<Found>> look_up_direct(Session& session, std::string_view stream,
                                          std::span<const std::uint64_t> sequences) {
  const std::string subject = session.api().subject("DIRECT.GET." + std::string(stream));
  std::vector<nats::Request> requests;
  requests.reserve(sequences.size());
  for (const std::uint64_t sequence : sequences) requests.push_back({subject, by_sequence(sequence)});
  const auto answers = session.ask_once(requests);
  std::vector<Result<Found>> found;
  found.reserve(sequences.size());
  std::vector<std::size_t> places;
  std::vector<std::string> again;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto parsed = answers[i] ? parse_direct(*answers[i]) : std::nullopt;
    found.emplace_back(parsed ? std::move(*parsed) : Found());
    if (parsed) continue;
    places.push_back(i);
    again.push_back(std::move(requests[i].body));
  }
  if (again.empty()) return found;
  auto looked_up = look_up(session, stream, again);
  for (std::size_t k = 0; k < places.size(); ++k) found[places[k]] = std::move(looked_up[k]);
  return found;
}

Result<Found> look_up_one(Session& session, std::string_view stream, std::string body) {
  return std::move(look_up(session, stream, {&body, 1}).front());
}

}  // namespace leat::jetstream
