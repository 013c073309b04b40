#include "leat/broker_admin.h"

#include <utility>

namespace leat {

Result<std::optional<StoredMessage>> BrokerAdmin::read(std::string_view stream, std::uint64_t sequence) {
  return std::move(read(stream, std::span(&sequence, 1)).front());
}

Result<std::optional<StoredMessage>> BrokerAdmin::read_last(std::string_view stream, std::string_view subject) {
  const std::string name(subject);
  return std::move(read_last(stream, std::span(&name, 1)).front());
}

Result<bool> BrokerAdmin::remove(std::string_view stream, std::uint64_t sequence) {
  return std::move(remove(stream, std::span(&sequence, 1)).front());
}

}  // namespace leat
