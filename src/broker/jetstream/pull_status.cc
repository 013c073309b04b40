#include "broker/jetstream/pull_status.h"

#include "core/text.h"

namespace leat::jetstream {

PullStatus::Kind pull_status_kind(int status, std::string_view text) {
  using Kind = PullStatus::Kind;
  const auto says = [&](std::string_view words) { return text.find(words) != text.npos; };
  switch (status) {
    case 100: return Kind::kHeartbeat;
    case 404:
    case 408: return Kind::kEnded;
    case 400:
    case 412: return Kind::kFault;
    case 503: return Kind::kNobody;
    case 409: break;
    default: return Kind::kRetry;
  }
  if (says("Consumer Deleted")) return Kind::kDeleted;
  if (says("Batch Completed") || says("Message Size Exceeds")) return Kind::kEnded;
  if (says("push based") || says("Exceeded MaxRequest")) return Kind::kFault;
  return Kind::kRetry;
}

PullStatus read_pull_status(const nats::Received& message, std::string_view inbox) {
  PullStatus status;
  std::string_view number = message.subject();
  number.remove_prefix(inbox.size());
  status.request = parse_number(number).value_or(0);
  status.text = message.status_text();
  status.kind = pull_status_kind(message.status(), status.text);
  if (const auto left = message.header("Nats-Pending-Messages")) status.undelivered = parse_number(*left);
  return status;
}

}  // namespace leat::jetstream
