#include "pipeline/dead_letter_store.h"

#include "broker/drift_report.h"
#include "broker/header_text.h"

namespace leat {
namespace {

constexpr Duration kKept = std::chrono::hours(24 * 30);

}  // namespace

Result<void> DeadLetterStore::open() {
  if (options_.dead_stream.empty()) return {};
  const auto facts = broker_.admin().stream(options_.stream);
  if (!facts) return facts.error();
  created_ = std::to_string(facts->created.time_since_epoch().count());
  const auto ensured = broker_.ensure_stream({.name = options_.dead_stream,
                                              .subjects = {options_.dead_stream + ".>"},
                                              .max_age = kKept,
                                              .replicas = options_.replicas});
  if (!ensured) return ensured.error().with_context("dead_stream");
  report_drift(drift_log(options_.log), "stream", options_.dead_stream, ensured->drift);
  return {};
}

AppendRequest DeadLetterStore::make_letter(const StoredMessage& message, const Ruling& ruling) const {
  const std::string sequence = std::to_string(message.sequence);
  const std::string origin = options_.stream + "-" + created_ + "-" + sequence;
  AppendRequest letter{.message = {.subject = options_.dead_stream + "." + options_.name + "." + origin,
                                   .headers = message.headers,
                                   .payload = message.payload},
                       .message_id = options_.name + "." + origin,
                       .expected_last = 0};
  Headers& headers = letter.message.headers;
  headers.set("Leat-Dead-Reason", header_text(ruling.reason));
  headers.set("Leat-Dead-Subject", message.subject);
  headers.set("Leat-Dead-Stream", options_.stream);
  headers.set("Leat-Dead-Sequence", sequence);
  headers.set("Leat-Dead-Subscription", options_.name);
  headers.set("Leat-Dead-Deliveries", std::to_string(ruling.lease.delivery_count));
  return letter;
}

std::vector<Result<void>> DeadLetterStore::keep(const CollectedBatch& batch, std::span<const std::size_t> dead) {
  std::vector<Result<void>> results(dead.size());
  if (options_.dead_stream.empty()) return results;
  std::vector<AppendRequest> letters;
  letters.reserve(dead.size());
  for (const std::size_t index : dead) letters.push_back(make_letter(batch.messages[index], batch.rulings[index]));
  const auto appended = broker_.append(options_.dead_stream, letters);
  for (std::size_t i = 0; i < dead.size(); ++i) {
    // A conflict is the copy that an earlier try left.
    if (!appended[i] && appended[i].error().code() != ErrorCode::kConflict) results[i] = appended[i].error();
  }
  return results;
}

}  // namespace leat
