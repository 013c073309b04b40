// Which trace a job belongs to: the W3C trace context (https://www.w3.org/TR/trace-context/), in the header
// `traceparent`.
//
// A job that was pushed without one begins a trace of its own, made of its id. So every attempt has a place in a trace
// without anything being stored, and whoever looks finds the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "leat/handler.h"
#include "leat/message.h"

namespace leat {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits, not all zero
  std::string span_id;   // 16 of them
  bool sampled = true;

  // Empty when it is no traceparent of version 00, or of a later one that begins the same way.
  static std::optional<TraceContext> parse(std::string_view traceparent);
  std::string traceparent() const;
};

// The header's name.
inline constexpr std::string_view kTraceParent = "traceparent";

// Of the running attempt: the trace that its job's header names, and a span of its own.
TraceContext trace_of(const JobContext& job);

// What a handler puts into PushOptions::headers so that the jobs that it pushes belong to its trace:
//   queue.push(next, {.headers = leat::trace_headers(context)});
Headers trace_headers(const JobContext& job);

}  // namespace leat
