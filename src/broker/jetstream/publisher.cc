#include "broker/jetstream/publisher.h"

#include "broker/jetstream/append_run.h"

namespace leat::jetstream {

std::vector<Result<Appended>> Publisher::append(std::string_view stream, std::span<const AppendRequest> requests) {
  if (requests.empty()) return {};
  return AppendRun(session_, catalog_, stream, requests).run();
}

}  // namespace leat::jetstream
