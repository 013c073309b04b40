// Reads single stored messages from the stream's leader, many at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/session.h"
#include "leat/message.h"

namespace leat::jetstream {

// Names of headers that belong to the server: they are stripped from what is read, and refused in what is written.
inline constexpr std::string_view kServerHeaders = "Nats-";

struct FoundMessage {
  StoredMessage message;
  Headers server_headers;  // those that were stripped, e.g. `Nats-Msg-Id`
};

using Found = std::optional<FoundMessage>;

// The body of one request.
std::string by_sequence(std::uint64_t sequence);
std::string last_by_subject(std::string_view subject);
std::string next_by_subject(std::uint64_t from_sequence, std::string_view filter);

// One result per body, in order; empty when there is no such message.
// Errors: kNotFound (the stream), kUnavailable, kDenied, kCorrupt.
std::vector<Result<Found>> look_up(Session& session, std::string_view stream, std::span<const std::string> bodies);
// The same by sequence for a stream with one replica, past the API: about four times as fast. Of a stream with several
// any server that has a copy would answer, also one that has not heard of the newest removals.
std::vector<Result<Found>> look_up_direct(Session& session, std::string_view stream,
                                          std::span<const std::uint64_t> sequences);
Result<Found> look_up_one(Session& session, std::string_view stream, std::string body);

// Takes the answer to such a request apart.
Result<Found> parse_found(std::string_view answer, std::string_view what);

}  // namespace leat::jetstream
