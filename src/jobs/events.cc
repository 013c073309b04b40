#include "leat/events.h"

#include "broker/drift_report.h"
#include "jobs/event_record.h"

namespace leat {

class Events::Stream {
 public:
  Stream(Broker& on, NamespaceOptions name_space) : broker(on), names(std::move(name_space)) {}

  Result<std::string> filter_for(const EventFilter& filter) const {
    if (filter.job) return names.event_subject(*filter.job);
    if (!filter.queue) return names.event_filter();
    if (auto named = check_queue_name(*filter.queue); !named) return named.error();
    return names.queue_events_filter(*filter.queue);
  }

  Broker& broker;
  Names names;
};

Events::Events(Broker& broker, NamespaceOptions name_space)
    : stream_(std::make_unique<Stream>(broker, std::move(name_space))) {}
Events::~Events() = default;

Result<void> Events::enable(const EventLimits& limits) {
  if (auto named = stream_->names.check(); !named) return named;
  const NamespaceOptions& space = stream_->names.options();
  const auto ensured = stream_->broker.ensure_stream({.name = stream_->names.event_stream(),
                                                      .subjects = {stream_->names.event_filter()},
                                                      .storage = space.storage,
                                                      .max_age = limits.max_age,
                                                      .max_bytes = limits.max_bytes,
                                                      .replicas = space.replicas});
  if (!ensured) return ensured.error();
  report_drift(drift_log(limits.log), "stream", stream_->names.event_stream(), ensured->drift);
  return {};
}

Result<void> Events::disable() {
  if (auto named = stream_->names.check(); !named) return named;
  const auto gone = stream_->broker.admin().delete_stream(stream_->names.event_stream());
  return !gone && gone.error().code() != ErrorCode::kNotFound ? gone : Result<void>();
}

Result<bool> Events::enabled() {
  if (auto named = stream_->names.check(); !named) return named.error();
  const auto facts = stream_->broker.admin().stream(stream_->names.event_stream());
  if (!facts && facts.error().code() != ErrorCode::kNotFound) return facts.error();
  return facts.has_value();
}

Result<EventReader> Events::read(const EventFilter& filter) {
  const auto on = enabled();
  if (!on) return on.error();
  if (!*on) {
    return Error(ErrorCode::kNotFound, "events of namespace " + stream_->names.space() +
                                           " are not kept: enable them with leat events on, or Events::enable()");
  }
  const auto subjects = stream_->filter_for(filter);
  if (!subjects) return subjects.error();
  ReaderConfig config{.stream = stream_->names.event_stream(), .filter = *subjects, .follow = filter.follow};
  config.from_time = filter.since;
  if (filter.follow && !filter.since) {
    const auto facts = stream_->broker.admin().stream(config.stream);
    if (!facts) return facts.error();
    config.from_sequence = facts->last_sequence + 1;
  }
  auto reader = stream_->broker.open_reader(config);
  if (!reader) return reader.error();
  return EventReader(std::move(*reader));
}

Result<std::vector<JobEvent>> EventReader::next(std::chrono::milliseconds max_wait, std::stop_token stop) {
  std::vector<JobEvent> events;
  while (events.empty()) {
    const auto messages = reader_->read({.max_count = 1000, .max_wait = max_wait}, stop);
    if (!messages) return messages.error();
    if (messages->empty()) return events;
    for (const StoredMessage& message : *messages) {
      if (auto event = decode_event(message)) events.push_back(std::move(*event));  // else it is of a later version
    }
  }
  return events;
}

}  // namespace leat
