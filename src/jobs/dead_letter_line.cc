#include "jobs/dead_letter_line.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "core/base64.h"
#include "core/text.h"
#include "jobs/attempt_record.h"
#include "jobs/dead_letter_message.h"

namespace leat {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr int kDeepest = 8;  // of what such a line holds in each other

// Text goes into a field; other bytes go into a second one, as base 64.
template <class Object>
void set_text(Object& object, const std::string& field, Object& others, const std::string& other_field,
              std::string_view bytes) {
  if (is_utf8(bytes)) {
    object[field] = bytes;
  } else {
    others[other_field] = to_base64(bytes);
  }
}

void set_headers(ordered_json& line, const DeadLetter& letter) {
  auto headers = json::object();  // sorted: brokers return them in any order
  auto others = json::object();
  for (const auto& [name, value] : letter.headers) {
    if (name != wire::kKind) set_text(headers, std::string(name), others, std::string(name), value);
  }
  line["headers"] = headers;
  if (!others.empty()) line["headers_base64"] = others;
}

Error wrong(std::string_view field, std::string_view what) {
  return {ErrorCode::kInvalidArgument, std::string(field) + ": " + std::string(what)};
}

// Throws wrong() when the field is missing or no text.
std::string text_at(const json& line, const char* field) {
  const auto found = line.find(field);
  if (found == line.end()) throw wrong(field, "is missing");
  if (!found->is_string()) throw wrong(field, "is no text");
  return found->get<std::string>();
}

std::string bytes_at(const json& line, const char* field) {
  auto bytes = from_base64(text_at(line, field));
  if (!bytes) throw wrong(field, "is no base64");
  return *std::move(bytes);
}

SystemTime time_at(const json& line, const char* field) {
  const auto time = from_rfc3339(text_at(line, field));
  if (!time) throw wrong(field, "is no time as 2026-01-31T12:00:00.123Z");
  return *time;
}

const json& object_at(const json& line, const char* field) {
  static const json none = json::object();
  const auto found = line.find(field);
  if (found == line.end()) return none;
  if (!found->is_object()) throw wrong(field, "is no object");
  return *found;
}

void throw_if_refused(const Result<void>& checked, const char* field) {
  if (!checked) throw wrong(field, checked.error().message());
}

json parse(std::string_view line) {
  bool too_deep = false;
  const auto shallow = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kDeepest;
    return depth <= kDeepest;
  };
  json parsed = json::parse(line, shallow, false);
  if (parsed.is_discarded() || too_deep || !parsed.is_object())
    throw Error(ErrorCode::kInvalidArgument, "the line is no JSON object of a dead letter");
  const auto version = parsed.find("version");
  if (version == parsed.end() || *version != kVersion)
    throw wrong("version", "is not 1: the line is no dead letter, or a newer leat has written it");
  return parsed;
}

void read_own_header(const std::string& name, const std::string& value, Headers& headers) {
  if (is_letters_header(name) || name == wire::kKind)
    throw wrong("headers", name + " is a field of the line, or leat's own");
  headers.set(name, value);
}

void read_headers(const json& line, Headers& headers) {
  for (const auto& [name, value] : object_at(line, "headers").items()) {
    if (!value.is_string()) throw wrong("headers", name + " is no text");
    read_own_header(name, value.get<std::string>(), headers);
  }
  const json& others = object_at(line, "headers_base64");
  for (const auto& [name, value] : others.items()) read_own_header(name, bytes_at(others, name.c_str()), headers);
}

void read_job(const json& line, const std::string& queue, Headers& headers) {
  if (line.contains("id")) {
    const std::string text = text_at(line, "id");
    const auto id = JobId::parse(text);
    if (!id) throw wrong("id", id.error().message());
    if (id->queue() != queue) throw wrong("id", "is of another queue than \"" + queue + "\"");
    headers.set(wire::kId, text);
  }
  if (!line.contains("kind")) return;
  const std::string kind = text_at(line, "kind");
  throw_if_refused(check_job_kind(kind), "kind");
  headers.set(wire::kKind, kind);
}

void read_death(const json& line, Headers& headers) {
  headers.set(wire::kDeadReason, text_at(line, "reason"));
  headers.set(wire::kDeadError, text_at(line, "error"));
  headers.set(wire::kDeadSubject, text_at(line, "subject"));
  headers.set(wire::kEnqueuedAt, to_rfc3339(time_at(line, "enqueued_at")));
  headers.set(wire::kDeadAt, to_rfc3339(time_at(line, "died_at")));
  const auto attempts = line.find("attempts");
  constexpr std::uint64_t kMost = std::numeric_limits<unsigned>::max();
  if (attempts == line.end() || !attempts->is_number_unsigned() || attempts->get<std::uint64_t>() > kMost)
    throw wrong("attempts", "is no number from 0 on");
  headers.set(wire::kDeadAttempts, std::to_string(attempts->get<std::uint64_t>()));
  if (!line.contains("history")) return;
  const std::string history = line.at("history").dump(-1, ' ', false, json::error_handler_t::replace);
  if (const auto record = AttemptRecord::from_json(history); !record) throw wrong("history", record.error().message());
  headers.set(wire::kDeadHistory, history);
}

AppendRequest read_letter(const Names& names, std::string_view text) {
  const json line = parse(text);
  const std::string queue = text_at(line, "queue");
  throw_if_refused(check_queue_name(queue), "queue");
  const std::string origin = text_at(line, "origin");
  // No message id: a letter that was discarded can come back at once.
  AppendRequest request{.message = {}, .expected_last = 0};
  Headers& headers = request.message.headers;
  read_headers(line, headers);
  read_job(line, queue, headers);
  const auto id = JobId::parse(headers.get(wire::kId).value_or(""));
  const auto priority = Names::priority_of(text_at(line, "subject"));
  if (!priority) throw wrong("subject", "is not that of a job, as leat.medium.default.01J9ZK3V5T...");
  request.message.subject = names.dead_subject(*priority, queue, id ? id->key() : "", origin);
  if (origin.find('.') != origin.npos || !check_subject(request.message.subject)) {
    throw wrong("origin", "is not one word without dots, as leat_medium-1767225600000000000-17");
  }
  read_death(line, headers);
  throw_if_refused(check_headers(headers), "headers");
  if (line.contains("payload") == line.contains("payload_base64"))
    throw wrong("payload", "either it or payload_base64 must be there");
  request.message.payload = line.contains("payload") ? text_at(line, "payload") : bytes_at(line, "payload_base64");
  return request;
}

}  // namespace

std::string dead_letter_line(const StoredMessage& message) {
  const DeadLetter letter = letter_from(message);
  ordered_json line{{"version", kVersion},
                    {"number", letter.number},
                    {"queue", letter.queue},
                    {"origin", parts_of_letter(message.subject).origin}};
  if (!letter.id.str().empty()) line["id"] = letter.id.str();
  if (!letter.kind.empty()) line["kind"] = letter.kind;
  line["reason"] = letter.reason;
  line["error"] = letter.error;
  line["attempts"] = letter.attempts;
  line["subject"] = letter.subject;
  line["enqueued_at"] = to_rfc3339(letter.enqueued_at);
  line["died_at"] = to_rfc3339(letter.died_at);
  set_headers(line, letter);
  if (auto history = ordered_json::parse(letter.history, nullptr, false); !history.is_discarded())
    line["history"] = std::move(history);
  set_text(line, "payload", line, "payload_base64", letter.payload);
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<AppendRequest> letter_of_line(const Names& names, std::string_view line) {
  try {
    return read_letter(names, line);
  } catch (const Error& e) {
    return e;
  } catch (const json::exception& e) {
    return Error(ErrorCode::kInvalidArgument, e.what());
  }
}

}  // namespace leat
