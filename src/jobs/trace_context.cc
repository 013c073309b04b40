#include "leat/trace_context.h"

#include <array>
#include <cstdint>

namespace leat {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;

bool is_id(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos &&
         text.find_first_not_of('0') != text.npos;
}

void append_hex(std::string& out, std::uint64_t value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
}

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), 64 bits, from a start of its own for each purpose; never 0.
std::uint64_t hash(std::string_view text, std::uint64_t start) {
  std::uint64_t value = 14695981039346656037U ^ start;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return value == 0 ? 1 : value;
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view text) {
  constexpr std::size_t kLength = 2 + 1 + kTraceDigits + 1 + kSpanDigits + 1 + 2;
  if (text.size() < kLength || text.starts_with("ff")) return std::nullopt;
  if (text.size() > kLength && (text.starts_with("00") || text[kLength] != '-')) return std::nullopt;
  const auto is_hex = [](std::string_view part) { return part.find_first_not_of("0123456789abcdef") == part.npos; };
  const std::string_view trace = text.substr(3, kTraceDigits);
  const std::string_view span = text.substr(3 + kTraceDigits + 1, kSpanDigits);
  const std::string_view flags = text.substr(kLength - 2, 2);
  if (!is_hex(text.substr(0, 2)) || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  if (!is_id(trace, kTraceDigits) || !is_id(span, kSpanDigits) || !is_hex(flags)) return std::nullopt;
  constexpr std::string_view kOdd = "13579bdf";
  return TraceContext{std::string(trace), std::string(span), kOdd.find(flags[1]) != kOdd.npos};
}

std::string TraceContext::traceparent() const {
  return "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00");
}

TraceContext trace_of(const JobContext& job) {
  const std::string& id = job.id().str();
  TraceContext context;
  if (auto given = TraceContext::parse(job.headers().get(kTraceParent).value_or(""))) {
    context = std::move(*given);
    context.span_id.clear();
  } else {
    append_hex(context.trace_id, hash(id, 1));
    append_hex(context.trace_id, hash(id, 2));
  }
  append_hex(context.span_id, hash(id + "#" + std::to_string(job.attempt()), 3));
  return context;
}

Headers trace_headers(const JobContext& job) {
  Headers headers;
  headers.set(kTraceParent, trace_of(job).traceparent());
  return headers;
}

}  // namespace leat
