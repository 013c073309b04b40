#include "broker/jetstream/jetstream_broker.h"

#include "broker/config_checks.h"
#include "broker/jetstream/key_value.h"
#include "broker/jetstream/lookup_reader.h"
#include "broker/jetstream/ordered_reader.h"
#include "broker/jetstream/pull_consumer.h"
#include "broker/jetstream/stream_settings.h"
#include "core/text.h"

namespace leat::jetstream {
namespace {

std::string durability_of(const ServerLevel& level) {
  if (level.before(2, 10)) return "server, fsync every minute; with replicas, a majority of servers";
  return "server, fsync by its sync_interval (2 min by default); with replicas, a majority of servers";
}

std::string consumer_what(const ConsumerConfig& config) {
  return "consumer \"" + config.name + "\" of stream \"" + config.stream + "\"";
}

}  // namespace

JetStreamBroker::JetStreamBroker(std::unique_ptr<Session> session)
    : session_(std::move(session)),
      catalog_(*session_),
      publisher_(*session_, catalog_),
      admin_(*session_, catalog_),
      sweeper_(*session_) {
  const ServerLevel level = session_->level();
  capabilities_ = {.name = "jetstream",
                   .version = level.version,
                   .durability = durability_of(level),
                   .fenced_settle = false,
                   .answers_get_lost = true,
                   .max_message_bytes = session_->control().max_payload()};
}

Result<bool> JetStreamBroker::ensure(const std::string& stream, const nlohmann::json& wanted, nlohmann::json& actual) {
  const std::string what = "stream \"" + stream + "\"";
  bool created = false;
  auto info = session_->api().call("STREAM.INFO." + stream);
  if (!info) return info.error().with_context(what);
  if (info->error == ApiCode::kNoStream) {
    auto made = session_->api().call("STREAM.CREATE." + stream, wanted);
    if (!made) return made.error().with_context(what);
    created = made->error == 0;
    // Somebody else made it in between.
    if (made->error == ApiCode::kStreamNameInUse) made = session_->api().call("STREAM.INFO." + stream);
    if (!made) return made.error().with_context(what);
    *info = std::move(*made);
  }
  if (info->error == ApiCode::kBadStreamConfig) return config_error(*info, wanted, what);
  if (info->error != 0) return api_error(*info, what);
  actual = object_at(info->body, "config");
  return created;
}

// Subjects that meet each other are refused before it is seen that they belong to another stream.
Error JetStreamBroker::config_error(const ApiAnswer& answer, const nlohmann::json& wanted, const std::string& what) {
  for (const auto& subject : wanted.at("subjects")) {
    const auto owners = session_->api().call("STREAM.NAMES", {{"subject", subject}});
    if (!owners || owners->error != 0) continue;
    const auto names = owners->body.find("streams");
    if (names == owners->body.end() || !names->is_array() || names->empty()) continue;
    return {ErrorCode::kConflict, what + ": its subject \"" + subject.get<std::string>() + "\" belongs to stream \"" +
                                      names->front().get<std::string>() + "\""};
  }
  return api_error(answer, what);
}

Result<EnsureResult> JetStreamBroker::ensure_stream(const StreamConfig& config) {
  if (auto valid = check_stream_config(config); !valid) return valid.error();
  const nlohmann::json wanted = to_json(config, session_->level());
  nlohmann::json actual;
  auto created = ensure(config.name, wanted, actual);
  if (!created) return created.error();
  catalog_.forget(config.name);
  if (config.retention == Retention::kWorkQueue) sweeper_.add(config.name);
  return EnsureResult{.created = *created, .drift = stream_drift(actual, wanted)};
}

std::vector<Result<Appended>> JetStreamBroker::append(std::string_view stream,
                                                      std::span<const AppendRequest> requests) {
  if (auto valid = check_name("stream", stream); !valid) {
    return std::vector<Result<Appended>>(requests.size(), valid.error());
  }
  return publisher_.append(stream, requests);
}

Result<nlohmann::json> JetStreamBroker::create_consumer(const ConsumerConfig& config, bool work_queue) {
  std::string call = "CONSUMER.CREATE." + config.stream + "." + config.name;
  if (config.filter != ">") call += "." + config.filter;
  nlohmann::json body{{"stream_name", config.stream}, {"config", to_json(config, work_queue)}};
  if (session_->level().at_least(2, 10)) body["action"] = "create";
  auto made = session_->api().call(call, body);
  if (!made) return made.error().with_context(consumer_what(config));
  // Somebody else made it in between.
  if (made->error == ApiCode::kConsumerExists || made->error == ApiCode::kConsumerNameInUse) {
    return session_->api().require("CONSUMER.INFO." + config.stream + "." + config.name, nullptr,
                                   consumer_what(config));
  }
  if (made->error != 0) return api_error(*made, consumer_what(config));
  return std::move(made->body);
}

// Servers before 2.10 see only that one filter lies within another, not that they have a part in common.
Result<void> JetStreamBroker::check_overlap(const ConsumerConfig& config) {
  const auto others = ack_floors(*session_, config.stream);
  if (!others) return others.error();
  for (const AckFloor& other : *others) {
    // One of the same name: somebody else has made it since we asked, and creating it again finds it.
    if (other.consumer == config.name || !intersect(other.filter, config.filter)) continue;
    return Error(ErrorCode::kConflict, consumer_what(config) + ": its filter \"" + config.filter + "\" overlaps \"" +
                                           other.filter + "\" of \"" + other.consumer +
                                           "\": a work queue gives each subject to one of them");
  }
  return {};
}

bool JetStreamBroker::is_narrowed(const ConsumerConfig& config, const std::string& actual) {
  const auto stream = catalog_.get(config.stream);
  return stream && narrow(config.filter, (*stream)->subjects) == actual;
}

Result<std::unique_ptr<Consumer>> JetStreamBroker::open_consumer(const ConsumerConfig& config) {
  if (auto valid = check_consumer_config(config); !valid) return valid.error();
  auto info = session_->api().call("CONSUMER.INFO." + config.stream + "." + config.name);
  if (!info) return info.error().with_context(consumer_what(config));
  if (info->error == ApiCode::kNoConsumer) {
    auto stream = catalog_.refresh(config.stream);
    if (!stream) return stream.error();
    ConsumerConfig usable = config;
    if (session_->level().before(2, 10)) {
      usable.filter = narrow(config.filter, (*stream)->subjects);
      if (auto alone = (*stream)->work_queue ? check_overlap(usable) : Result<void>(); !alone) return alone.error();
    }
    auto made = create_consumer(usable, (*stream)->work_queue);
    if (!made) return made.error();
    *info = ApiAnswer{.body = std::move(*made)};
  }
  if (info->error != 0) return api_error(*info, consumer_what(config));
  const auto& actual = object_at(info->body, "config");
  const std::string filter(filter_or_all(text_at(actual, "filter_subject")));
  if (filter != config.filter && !is_narrowed(config, filter)) {
    return Error(ErrorCode::kConflict, consumer_what(config) + " has the filter \"" + filter + "\", not \"" +
                                           config.filter + "\": use another name, or delete it first");
  }
  const Duration ack_wait(static_cast<Duration::rep>(number_at(actual, "ack_wait")));
  return std::make_unique<PullConsumer>(*session_, config.stream, config.name, ack_wait,
                                        consumer_drift(actual, to_json(config, true)));
}

Result<std::unique_ptr<Reader>> JetStreamBroker::open_reader(const ReaderConfig& config) {
  if (auto valid = check_reader_config(config); !valid) return valid.error();
  auto stream = catalog_.refresh(config.stream);
  if (!stream) return stream.error();
  if ((*stream)->work_queue) return std::make_unique<LookupReader>(*session_, config);
  return std::make_unique<OrderedReader>(*session_, config);
}

Result<std::unique_ptr<KeyValue>> JetStreamBroker::open_bucket(const BucketConfig& config) {
  if (auto valid = check_bucket_config(config); !valid) return valid.error();
  const nlohmann::json wanted = to_json(config, session_->level());
  nlohmann::json actual;
  auto created = ensure(BucketNames(config.name).stream, wanted, actual);
  if (!created) return created.error();
  return std::make_unique<JetStreamKeyValue>(*session_, publisher_, config.name, bucket_drift(actual, wanted));
}

}  // namespace leat::jetstream

namespace leat {

Result<std::unique_ptr<Broker>> open_jetstream_broker(const JetStreamOptions& options) {
  auto session = jetstream::Session::open(options);
  if (!session) return session.error();
  return std::make_unique<jetstream::JetStreamBroker>(std::move(*session));
}

}  // namespace leat
