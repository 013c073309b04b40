#include "jobs/names.h"

#include "broker/config_checks.h"
#include "core/invalid_argument.h"
#include "core/text.h"

namespace leat {

bool wire::is_reserved(std::string_view header) {
  const std::string begin = lower_case(header.substr(0, 5));
  return begin == "leat-" || begin == "nats-";
}

SystemTime enqueued_at(const StoredMessage& job) {
  const auto said = job.headers.get(wire::kEnqueuedAt);
  return said ? from_rfc3339(*said).value_or(job.time) : job.time;
}

// The names of streams are made of it, the longest by "_scheduled".
Result<void> Names::check() const {
  constexpr std::size_t kLongest = 54;
  const std::string which = "namespace \"" + space() + "\": ";
  if (!is_plain_name(space()) || space().size() > kLongest)
    return invalid_argument(which + "use 1 to 54 letters, digits, `_` or `-`");
  const auto usable = [](Duration time) { return time == Duration{0} || time >= std::chrono::seconds(1); };
  if (!usable(options_.max_age)) return invalid_argument(which + "max_age is 0, or 1 s or more");
  if (!usable(options_.result_ttl)) return invalid_argument(which + "result_ttl is 0, or 1 s or more");
  if (options_.max_unsettled == 0) return invalid_argument(which + "max_unsettled is 0; it is 1 or more");
  const auto replicas = check_replicas(options_.replicas);
  return replicas ? replicas : replicas.error().with_context("namespace \"" + space() + "\"");
}

std::string Names::joined(std::string_view rest, char separator) const {
  std::string name;
  name.reserve(space().size() + 1 + rest.size());
  name.append(space()).append(1, separator).append(rest);
  return name;
}

std::string Names::queue_filter(Priority priority, std::string_view queue) const {
  return joined(to_string(priority), '.').append(".").append(queue).append(".*");
}

std::string Names::scheduled_queue_filter(Priority priority, std::string_view queue) const {
  return joined("scheduled.", '.').append(to_string(priority)).append(".").append(queue).append(".*");
}

std::string Names::queue_event_subject(std::string_view queue) const {
  return joined("events.queue.", '.').append(queue).append("._");
}

std::string Names::queue_events_filter(std::string_view queue) const {
  return joined("events.*.", '.').append(queue).append(".*");
}

std::string Names::queue_of_event(std::string_view subject) {
  const std::size_t end = subject.rfind('.');
  if (end == subject.npos || end == 0) return {};
  const std::size_t begin = subject.rfind('.', end - 1);
  return std::string(subject.substr(begin + 1, end - begin - 1));
}

std::string Names::bulk_subject(Priority priority, std::string_view queue) const {
  std::string subject;
  subject.reserve(space().size() + queue.size() + wire::kBulkToken.size() + 9);
  subject.append(space()).append(".").append(to_string(priority)).append(".").append(queue).append(".");
  return subject.append(wire::kBulkToken);
}

Result<JobId> Names::id_of(const Message& message) const {
  if (const auto id = message.headers.get(wire::kId)) return JobId::parse(*id);
  if (message.subject.size() > space().size() && message.subject.starts_with(space()) &&
      message.subject[space().size()] == '.') {
    return JobId::parse(std::string_view(message.subject).substr(space().size() + 1));
  }
  return Error(ErrorCode::kCorrupt, "subject \"" + message.subject + "\" is not of namespace \"" + space() + "\"");
}

std::string Names::id_text(const StoredMessage& message) const {
  const auto id = id_of(message);
  if (id) return id->str();
  return stream(priority_of(message.subject).value_or(Priority::kMedium)) + "." + std::to_string(message.sequence);
}

std::optional<std::string_view> Names::paused_queue(std::string_view key) {
  if (!key.starts_with(kPausePrefix) || key.size() <= kPausePrefix.size() + 1) return std::nullopt;
  return key.substr(kPausePrefix.size() + 1);
}

std::string Names::dead_queue_filter(std::string_view queue) const {
  return joined("dlq.", '.').append(queue).append(".>");
}

std::string Names::dead_queue_filter(Priority priority, std::string_view queue) const {
  return joined("dlq.", '.').append(queue).append(".*.*.").append(to_string(priority));
}

std::string Names::dead_job_filter(const JobId& id) const {
  return joined("dlq.", '.').append(id.queue()).append(".").append(id.key()).append(".>");
}

std::string Names::dead_subject(Priority priority, std::string_view queue, std::string_view key,
                                std::string_view origin) const {
  std::string subject = joined("dlq.", '.').append(queue).append(".").append(key.empty() ? "-" : key);
  return subject.append(".").append(origin).append(".").append(to_string(priority));
}

std::optional<Priority> Names::priority_of(std::string_view subject) {
  const std::size_t begin = subject.find('.') + 1;
  return parse_priority(subject.substr(begin, subject.find('.', begin) - begin));
}

std::optional<JobId> Names::id_behind(std::string_view prefix, std::string_view subject) const {
  if (!subject.starts_with(prefix)) return std::nullopt;
  auto id = JobId::parse(subject.substr(prefix.size()));
  return id ? std::optional(std::move(*id)) : std::nullopt;
}

std::optional<JobId> Names::scheduled_id(std::string_view subject) const {
  return id_behind(joined("scheduled.", '.'), subject);
}

std::optional<JobId> Names::done_id(std::string_view subject) const {
  return id_behind(joined("done.", '.'), subject);
}

}  // namespace leat
