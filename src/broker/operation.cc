#include "broker/operation.h"

#include <array>

namespace leat {

std::string_view to_string(Operation operation) {
  static constexpr std::array<std::string_view, kOperations> kNames{
      "ensure_stream", "append",   "open_consumer", "open_reader",    "open_bucket",      "fetch",
      "settle",        "extend",   "read",          "key_read",       "key_write",        "key_list",
      "key_watch",     "key_next", "stream_facts",  "consumer_facts", "read_by_sequence", "read_last",
      "remove",        "purge",    "delete_stream", "delete_consumer"};
  return kNames[static_cast<std::size_t>(operation)];
}

}  // namespace leat
