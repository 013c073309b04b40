#include "nats/received.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "core/text.h"

namespace leat::nats {
namespace {

constexpr std::string_view kVersionLine = "NATS/1.0";

// nats.c keeps a received message in one block: subject, reply, header text, data. Reading the header text in place
// keeps the order of the headers and saves a hash table per message. Its interface does not promise that layout, so the
// first message with headers decides: it is read through the interface and the distance is compared with what the
// headers need.
enum class Layout { kUnknown, kInPlace, kElsewhere };
std::atomic<Layout> header_layout{Layout::kUnknown};

struct Keys {
  const char** names = nullptr;
  int count = 0;
  ~Keys() { std::free(names); }
};

std::size_t gap_before_data(std::string_view reply, const char* data) {
  return reinterpret_cast<std::uintptr_t>(data) - reinterpret_cast<std::uintptr_t>(reply.data() + reply.size() + 1);
}

// `needed` counts "Name: value\r\n" for each header.
Layout layout_of(std::string_view reply, const char* data, std::size_t needed) {
  constexpr std::size_t kFrame = kVersionLine.size() + 4;  // its line end and the empty line
  const std::size_t gap = gap_before_data(reply, data);
  return gap == needed + kFrame || gap == needed + kFrame + 1 ? Layout::kInPlace : Layout::kElsewhere;
}

}  // namespace

bool parse_header_block(std::string_view block, std::string_view skip, Headers& headers) {
  if (!block.starts_with(kVersionLine)) return false;
  std::size_t at = block.find("\r\n");
  while (at != block.npos) {
    block.remove_prefix(at + 2);
    at = block.find("\r\n");
    if (at == 0) return true;
    const std::string_view line = block.substr(0, at);
    const std::size_t colon = line.find(':');
    if (at == block.npos || colon == line.npos || colon == 0) return false;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    const std::string_view name = line.substr(0, colon);
    if (!skip.empty() && name.starts_with(skip)) continue;
    if (!headers.get(name)) headers.set(name, value);
  }
  return false;
}

std::string_view Received::reply() const {
  const char* reply = natsMsg_GetReply(message_.get());
  return reply == nullptr ? std::string_view{} : std::string_view(reply);
}

std::string_view Received::data() const {
  const int length = natsMsg_GetDataLength(message_.get());
  return length <= 0 ? std::string_view{} : std::string_view(natsMsg_GetData(message_.get()), length);
}

std::optional<std::string_view> Received::header(const char* name) const {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message_.get(), name, &value) != NATS_OK || value == nullptr) return std::nullopt;
  return value;
}

int Received::status() const {
  const auto text = header("Status");
  const auto number = text ? parse_number(*text) : std::nullopt;
  return number && *number < 1000 ? static_cast<int>(*number) : 0;
}

Headers Received::headers(std::string_view skip) const {
  Headers headers;
  const std::string_view reply_subject = reply();
  const char* data = natsMsg_GetData(message_.get());
  const Layout layout = reply_subject.empty() ? Layout::kElsewhere : header_layout.load(std::memory_order_relaxed);
  if (layout == Layout::kInPlace) {
    const std::size_t gap = gap_before_data(reply_subject, data);
    if (gap == 0) return headers;
    headers.reserve(0, gap);
    if (parse_header_block({reply_subject.data() + reply_subject.size() + 1, gap}, skip, headers)) return headers;
    headers = {};
  }
  Keys keys;
  if (natsMsgHeader_Keys(message_.get(), &keys.names, &keys.count) != NATS_OK) return headers;
  std::size_t needed = 0;
  for (int i = 0; i < keys.count; ++i) {
    const std::string_view value = header(keys.names[i]).value_or(std::string_view{});
    if (skip.empty() || !std::string_view(keys.names[i]).starts_with(skip)) headers.set(keys.names[i], value);
    needed += std::string_view(keys.names[i]).size() + value.size() + 4;
  }
  if (layout == Layout::kUnknown) {
    header_layout.store(layout_of(reply_subject, data, needed), std::memory_order_relaxed);
  }
  return headers;
}

}  // namespace leat::nats
