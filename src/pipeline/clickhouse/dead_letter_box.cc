#include "pipeline/clickhouse/dead_letter_box.h"

#include "broker/drift_report.h"
#include "broker/header_text.h"
#include "core/text.h"

namespace leat {
namespace {

// True when it is new, false when it was there.
Result<bool> is_new(const Result<Appended>& appended) {
  if (appended) return !appended->duplicate;
  if (appended.error().code() == ErrorCode::kConflict) return false;
  return appended.error();
}

}  // namespace

StreamConfig DeadLetterBox::stream(const ClickHousePipelineOptions& options) {
  return {.name = options.dead_letters,
          .subjects = {options.dead_letters + ".>"},
          .max_age = options.dead_letters_kept,
          .replicas = options.replicas};
}

Result<void> DeadLetterBox::ensure() const {
  const auto ensured = broker_.ensure_stream(stream(options_));
  if (!ensured) return ensured.error().with_context("stream of dead letters");
  report_drift(drift_log(options_.log), "stream", options_.dead_letters, ensured->drift);
  return {};
}

Result<std::size_t> DeadLetterBox::put(const RangeRecord& source, std::span<const PipelineLetter> letters) const {
  std::vector<AppendRequest> requests;
  for (const PipelineLetter& letter : letters) requests.push_back(request_for(source, letter, Keep::kAll));
  const auto appended = broker_.append(options_.dead_letters, requests);
  std::size_t count = 0;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    auto fresh = is_new(appended[i]);
    if (!fresh && fresh.error().code() == ErrorCode::kInvalidArgument) {
      fresh = put_smaller(source, letters[i], fresh.error());
    }
    if (!fresh) return fresh.error().with_context("dead letter");
    count += *fresh ? 1 : 0;
  }
  return count;
}

Result<bool> DeadLetterBox::put_smaller(const RangeRecord& source, const PipelineLetter& letter, Error error) const {
  Result<bool> fresh = std::move(error);
  for (const Keep keep : {Keep::kPayload, Keep::kNothing}) {
    const AppendRequest request = request_for(source, letter, keep);
    fresh = is_new(broker_.append(options_.dead_letters, {&request, 1}).at(0));
    if (fresh || fresh.error().code() != ErrorCode::kInvalidArgument) break;
  }
  return fresh;
}

AppendRequest DeadLetterBox::request_for(const RangeRecord& source, const PipelineLetter& letter, Keep keep) const {
  const StoredMessage& message = *letter.message;
  const std::string sequence = std::to_string(message.sequence);
  const std::string origin = options_.name + "." + source.stream + "." +
                             std::to_string(source.created.time_since_epoch().count()) + "-" +
                             std::to_string(source.epoch) + "." + sequence;
  AppendRequest request{
      .message = {.subject = options_.dead_letters + "." + origin}, .message_id = origin, .expected_last = 0};
  Headers& headers = request.message.headers;
  if (keep == Keep::kAll) headers = message.headers;
  if (keep != Keep::kNothing) request.message.payload = message.payload;
  headers.set("Leat-Dead-Reason", header_text(letter.reason));
  if (letter.code != 0) headers.set("Leat-Dead-Code", std::to_string(letter.code));
  headers.set("Leat-Dead-Pipeline", options_.name);
  headers.set("Leat-Dead-Stream", source.stream);
  headers.set("Leat-Dead-Sequence", sequence);
  headers.set("Leat-Dead-Subject", message.subject);
  headers.set("Leat-Dead-Time", to_rfc3339(message.time));
  if (keep != Keep::kAll) headers.set("Leat-Dead-Without", keep == Keep::kPayload ? "headers" : "headers, payload");
  return request;
}

}  // namespace leat
