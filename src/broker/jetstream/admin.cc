#include "broker/jetstream/admin.h"

#include <algorithm>
#include <limits>

#include "broker/jetstream/last_lookup.h"
#include "broker/jetstream/lookup.h"
#include "broker/jetstream/remover.h"
#include "broker/jetstream/stream_settings.h"
#include "core/text.h"
#include "core/ulid.h"

namespace leat::jetstream {
namespace {

constexpr Duration kStillSo = std::chrono::seconds(5);  // a stream can be given more replicas
constexpr Duration kUnused = std::chrono::seconds(5);   // the server removes a consumer whose removal got lost

std::string named(std::string_view stream) {
  return "stream \"" + std::string(stream) + "\"";
}

// Names go into API subjects: one with a dot or a wildcard in it would ask for something else.
Result<void> check_any_name(std::string_view name) {
  if (!name.empty() && name.find_first_of(" .*>\t\r\n/\\") == name.npos) return {};
  return Error(ErrorCode::kInvalidArgument, "\"" + std::string(name) + "\" is no name of a stream or consumer");
}

// Calls `visit` for every consumer's info of the stream; the server gives them in pages.
template <class Visit>
Result<void> for_each_consumer(Session& session, const std::string& stream, Visit visit) {
  std::uint64_t offset = 0;
  while (true) {
    auto page = session.api().require("CONSUMER.LIST." + stream, {{"offset", offset}}, named(stream));
    if (!page) return page.error();
    const auto list = page->find("consumers");
    if (list == page->end() || !list->is_array() || list->empty()) return {};
    for (const auto& info : *list) visit(info);
    offset += list->size();
    if (offset >= number_at(*page, "total")) return {};
  }
}

// A server on its own tells of no cluster.
void add_replicas(const nlohmann::json& info, StreamFacts& facts) {
  facts.replicas =
      static_cast<unsigned>(std::max<std::uint64_t>(number_at(object_at(info, "config"), "num_replicas"), 1));
  const auto cluster = info.find("cluster");
  if (cluster == info.end() || !cluster->is_object()) return;
  facts.replicas_current = text_at(*cluster, "leader").empty() ? 0 : 1;
  if (facts.replicas_current == 0) return;
  for (const auto& replica : cluster->value("replicas", nlohmann::json::array())) {
    if (replica.value("current", false) && !replica.value("offline", false)) ++facts.replicas_current;
  }
}

using Messages = std::vector<Result<std::optional<StoredMessage>>>;

// A sequence that no message has: the server refuses 0.
constexpr std::uint64_t kNever = std::numeric_limits<std::int64_t>::max();

Messages to_messages(std::vector<Result<Found>> found) {
  Messages messages;
  messages.reserve(found.size());
  for (Result<Found>& each : found) {
    if (!each) {
      messages.emplace_back(each.error());
    } else if (*each) {
      messages.emplace_back(std::optional<StoredMessage>(std::move((*each)->message)));
    } else {
      messages.emplace_back(std::optional<StoredMessage>());
    }
  }
  return messages;
}

}  // namespace

Result<StreamFacts> JetStreamAdmin::stream(std::string_view stream, std::string_view filter) {
  if (auto valid = check_any_name(stream); !valid) return valid.error();
  const std::string name(stream);
  auto info = session_.api().require("STREAM.INFO." + name, nullptr, named(stream));
  if (!info) return info.error();
  const auto& state = object_at(*info, "state");
  StreamFacts facts{.name = name};
  facts.created = from_rfc3339(text_at(*info, "created")).value_or(SystemTime{});
  facts.messages = number_at(state, "messages");
  facts.bytes = number_at(state, "bytes");
  facts.last_sequence = number_at(state, "last_seq");
  facts.first_sequence = facts.last_sequence == 0 ? 0 : number_at(state, "first_seq");
  add_replicas(*info, facts);
  if (filter.empty()) return facts;
  if (auto valid = check_filter(filter); !valid) return valid.error();
  const bool is_log = text_at(object_at(*info, "config"), "retention") == "limits";
  auto selected = is_log ? count_ahead(name, filter) : count_by_subject(name, filter);
  if (!selected) return selected.error();
  facts.selected = *selected;
  return facts;
}

// What a consumer that begins now would have before it: the server counts, and no subject is sent.
Result<std::uint64_t> JetStreamAdmin::count_ahead(const std::string& stream, std::string_view filter) {
  const std::string call = stream + ".leat_" + make_ulid(session_.clock().now());
  const nlohmann::json config{{"name", call.substr(stream.size() + 1)},
                              {"ack_policy", "none"},
                              {"deliver_policy", "all"},
                              {"filter_subject", filter},
                              {"headers_only", true},
                              {"mem_storage", true},
                              {"num_replicas", 1},
                              {"inactive_threshold", Duration(kUnused).count()}};
  const auto made =
      session_.api().require("CONSUMER.CREATE." + call, {{"stream_name", stream}, {"config", config}}, named(stream));
  if (!made) return made.error();
  (void)session_.control().publish(session_.api().subject("CONSUMER.DELETE." + call).c_str(), nullptr, {});
  return number_at(*made, "num_pending");
}

// Consumers of a work queue must not overlap, so none may be made for this.
Result<std::uint64_t> JetStreamAdmin::count_by_subject(const std::string& stream, std::string_view filter) {
  std::uint64_t count = 0;
  std::uint64_t offset = 0;
  while (true) {
    auto info = session_.api().require("STREAM.INFO." + stream, {{"subjects_filter", filter}, {"offset", offset}},
                                       named(stream));
    if (!info) return info.error();
    const auto& subjects = object_at(object_at(*info, "state"), "subjects");
    for (const auto& [subject, number] : subjects.items())
      count += number.is_number() ? number.get<std::uint64_t>() : 0;
    offset += subjects.size();
    if (subjects.empty() || offset >= number_at(*info, "total")) return count;
  }
}

Result<std::vector<ConsumerFacts>> JetStreamAdmin::consumers(std::string_view stream) {
  if (auto valid = check_any_name(stream); !valid) return valid.error();
  std::vector<ConsumerFacts> facts;
  auto listed = for_each_consumer(session_, std::string(stream), [&](const nlohmann::json& info) {
    const auto& config = object_at(info, "config");
    if (text_at(config, "durable_name").empty()) return;
    facts.push_back({.name = text_at(info, "name"),
                     .filter = std::string(filter_or_all(text_at(config, "filter_subject"))),
                     .pending = number_at(info, "num_pending"),
                     .unsettled = number_at(info, "num_ack_pending"),
                     .redelivered = number_at(info, "num_redelivered"),
                     .delivered_up_to = number_at(object_at(info, "delivered"), "stream_seq")});
  });
  if (!listed) return listed.error();
  std::sort(facts.begin(), facts.end(), [](const ConsumerFacts& a, const ConsumerFacts& b) { return a.name < b.name; });
  return facts;
}

std::vector<Result<std::optional<StoredMessage>>> JetStreamAdmin::read(std::string_view stream,
                                                                       std::span<const std::uint64_t> sequences) {
  if (auto valid = check_any_name(stream); !valid) return Messages(sequences.size(), valid.error());
  constexpr std::size_t kMany = 16;
  const auto entry = sequences.size() < kMany ? nullptr : catalog_.get_fresh(stream, kStillSo).value_or(nullptr);
  const bool all_valid = std::find(sequences.begin(), sequences.end(), 0) == sequences.end();
  if (entry != nullptr && entry->direct && all_valid) return to_messages(look_up_direct(session_, stream, sequences));
  std::vector<std::string> bodies;
  bodies.reserve(sequences.size());
  for (const std::uint64_t sequence : sequences) bodies.push_back(by_sequence(sequence == 0 ? kNever : sequence));
  return to_messages(look_up(session_, stream, bodies));
}

std::vector<Result<std::optional<StoredMessage>>> JetStreamAdmin::read_last(std::string_view stream,
                                                                            std::span<const std::string> subjects) {
  if (auto valid = check_any_name(stream); !valid) return Messages(subjects.size(), valid.error());
  std::vector<std::optional<Error>> invalid(subjects.size());
  std::vector<std::string> usable;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    if (auto valid = check_subject(subjects[i]); !valid) {
      invalid[i] = valid.error();
    } else {
      usable.push_back(subjects[i]);
    }
  }
  Messages found = to_messages(look_up_last(session_, catalog_, stream, usable));
  Messages messages;
  messages.reserve(subjects.size());
  auto next = found.begin();
  for (const auto& error : invalid) messages.push_back(error ? *error : std::move(*next++));
  return messages;
}

std::vector<Result<bool>> JetStreamAdmin::remove(std::string_view stream, std::span<const std::uint64_t> sequences) {
  if (auto valid = check_any_name(stream); !valid) return std::vector<Result<bool>>(sequences.size(), valid.error());
  return remove_all(session_, std::string(stream), sequences);
}

Result<std::uint64_t> JetStreamAdmin::purge(std::string_view stream, std::string_view filter) {
  if (auto valid = check_any_name(stream); !valid) return valid.error();
  if (auto valid = check_filter(filter); !valid) return valid.error();
  if (session_.level().before(2, 10)) {
    auto floors = ack_floors(session_, std::string(stream));
    if (!floors) return floors.error();
    if (!floors->empty()) {
      return remove_each(session_, std::string(stream), filter, std::numeric_limits<std::uint64_t>::max());
    }
  }
  const nlohmann::json body = filter == ">" ? nlohmann::json(nullptr) : nlohmann::json{{"filter", filter}};
  auto purged = session_.api().require("STREAM.PURGE." + std::string(stream), body, named(stream));
  if (!purged) return purged.error();
  return number_at(*purged, "purged");
}

Result<void> JetStreamAdmin::delete_stream(std::string_view stream) {
  if (auto valid = check_any_name(stream); !valid) return valid.error();
  auto deleted = session_.api().require("STREAM.DELETE." + std::string(stream), nullptr, named(stream));
  catalog_.forget(stream);
  if (!deleted) return deleted.error();
  return {};
}

Result<void> JetStreamAdmin::delete_consumer(std::string_view stream, std::string_view consumer) {
  if (auto valid = check_any_name(stream); !valid) return valid.error();
  if (auto valid = check_any_name(consumer); !valid) return valid.error();
  auto deleted = session_.api().require("CONSUMER.DELETE." + std::string(stream) + "." + std::string(consumer), nullptr,
                                        "consumer \"" + std::string(consumer) + "\" of " + named(stream));
  if (!deleted) return deleted.error();
  return {};
}

Result<std::vector<AckFloor>> ack_floors(Session& session, const std::string& stream) {
  std::vector<AckFloor> floors;
  auto listed = for_each_consumer(session, stream, [&](const nlohmann::json& info) {
    floors.push_back({.consumer = std::string(text_at(info, "name")),
                      .filter = std::string(filter_or_all(text_at(object_at(info, "config"), "filter_subject"))),
                      .stream_sequence = number_at(object_at(info, "ack_floor"), "stream_seq"),
                      .delivered_up_to = number_at(object_at(info, "delivered"), "stream_seq"),
                      .unsettled = number_at(info, "num_ack_pending")});
  });
  if (!listed) return listed.error();
  return floors;
}

}  // namespace leat::jetstream
