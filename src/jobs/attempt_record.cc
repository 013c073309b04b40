#include "jobs/attempt_record.h"

#include <nlohmann/json.hpp>

#include "core/text.h"

namespace leat {
namespace {

using nlohmann::json;

SystemTime time_of(const json& object, const char* name) {
  const auto time = from_rfc3339(object.at(name).get<std::string>());
  if (!time) throw Error(ErrorCode::kCorrupt, std::string(name) + " is no time");
  return *time;
}

json to_json(const AttemptRecord::Failure& failure) {
  return {{"attempt", failure.attempt},
          {"delivery", failure.delivery},
          {"at", to_rfc3339(failure.at)},
          {"worker", failure.worker},
          {"error", failure.error}};
}

AttemptRecord::Failure failure_from(const json& object) {
  return {.attempt = object.at("attempt").get<unsigned>(),
          .delivery = object.at("delivery").get<std::uint32_t>(),
          .at = time_of(object, "at"),
          .worker = object.at("worker").get<std::string>(),
          .error = object.at("error").get<std::string>()};
}

AttemptRecord record_from(const json& object) {
  AttemptRecord record;
  record.sequence = object.at("sequence").get<std::uint64_t>();
  record.failed = object.at("failed").get<unsigned>();
  record.crashed = object.at("crashed").get<unsigned>();
  record.interrupted = object.at("interrupted").get<unsigned>();
  for (const json& failure : object.at("failures")) record.failures.push_back(failure_from(failure));
  if (const auto started = object.find("started"); started != object.end()) {
    record.started = AttemptRecord::Start{.delivery = started->at("delivery").get<std::uint32_t>(),
                                          .at = time_of(*started, "at"),
                                          .worker = started->at("worker").get<std::string>()};
  }
  if (object.contains("due")) record.due = time_of(object, "due");
  if (object.contains("unknown_since")) record.unknown_since = time_of(object, "unknown_since");
  if (const auto dead = object.find("dead"); dead != object.end()) {
    record.dead = AttemptRecord::Death{.reason = dead->at("reason").get<std::string>(),
                                       .error = dead->at("error").get<std::string>()};
  }
  return record;
}

}  // namespace

void AttemptRecord::add_failure(Failure failure) {
  ++failed;
  started.reset();
  failures.push_back(std::move(failure));
  if (failures.size() > kKeptFailures) failures.erase(failures.begin());
}

void AttemptRecord::count_crash_before(std::uint32_t delivery) {
  if (!started) return;
  if (started->delivery < delivery) ++crashed;
  started.reset();
}

std::string AttemptRecord::to_json() const {
  json object{{"version", 1},       {"sequence", sequence},       {"failed", failed},
              {"crashed", crashed}, {"interrupted", interrupted}, {"failures", json::array()}};
  for (const Failure& failure : failures) object["failures"].push_back(leat::to_json(failure));
  if (started) {
    object["started"] = {{"delivery", started->delivery}, {"at", to_rfc3339(started->at)}, {"worker", started->worker}};
  }
  if (due) object["due"] = to_rfc3339(*due);
  if (unknown_since) object["unknown_since"] = to_rfc3339(*unknown_since);
  if (dead) object["dead"] = {{"reason", dead->reason}, {"error", dead->error}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<AttemptRecord> AttemptRecord::from_json(std::string_view text) {
  try {
    return record_from(json::parse(text));
  } catch (const json::exception& e) {
    return Error(ErrorCode::kCorrupt, std::string("attempt record: ") + e.what());
  } catch (const Error& e) {
    return e.with_context("attempt record");
  }
}

}  // namespace leat
