#include "broker/jetstream/remover.h"

#include "broker/jetstream/lookup_reader.h"

namespace leat::jetstream {
namespace {

constexpr std::size_t kBatch = 1000;

Result<std::uint64_t> remove_batch(Session& session, const std::string& stream,
                                   const std::vector<StoredMessage>& messages, std::uint64_t last_sequence) {
  const std::string subject = session.api().subject("STREAM.MSG.DELETE." + stream);
  std::vector<nats::Request> requests;
  for (const StoredMessage& message : messages) {
    if (message.sequence > last_sequence) break;
    requests.push_back({subject, nlohmann::json{{"seq", message.sequence}, {"no_erase", true}}.dump()});
  }
  std::uint64_t removed = 0;
  for (const auto& answer : session.ask_all(requests)) {
    if (!answer) return answer.error();
    const auto parsed = parse_api_answer(answer->data());
    if (!parsed) return parsed.error();
    if (parsed->error == 0) ++removed;
  }
  return removed;
}

}  // namespace

Result<std::uint64_t> remove_each(Session& session, const std::string& stream, std::string_view filter,
                                  std::uint64_t last_sequence) {
  LookupReader reader(session, {.stream = stream, .filter = std::string(filter), .headers_only = true});
  std::uint64_t removed = 0;
  while (true) {
    auto messages = reader.read({.max_count = kBatch}, {});
    if (!messages) return messages.error();
    if (messages->empty() || messages->front().sequence > last_sequence) return removed;
    auto batch = remove_batch(session, stream, *messages, last_sequence);
    if (!batch) return batch.error();
    removed += *batch;
  }
}

}  // namespace leat::jetstream
