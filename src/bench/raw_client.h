// The work of a benchmark case done by the raw client of the broker, without leat: what leat's figure is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/url.h"
#include "leat/queue.h"
#include "leat/result.h"

namespace leat {

struct RawWork {
  std::string name_space;  // of the stream that it makes for itself
  std::size_t jobs = 0;
  std::size_t batch = 0;
  std::string payload;  // the same for each; leat's jobs are of this size too
  Lane lane = Lane::kBulk;
  // A message has no headers, and stays in its stream when it is acknowledged.
  enum class Shape { kJob, kMessage } shape = Shape::kJob;
};

// Not thread-safe. Each call returns jobs per second, or why it could not be done.
class RawClient {
 public:
  virtual ~RawClient() = default;

  // Stores the jobs in calls of `batch`, each waited for.
  virtual Result<double> enqueue(const RawWork& work) = 0;
  // Stores them one after the other, each waited for.
  virtual Result<double> enqueue_singly(const RawWork& work) = 0;
  // Takes and acknowledges what enqueue() stored, and reads each one's kind.
  virtual Result<double> process(const RawWork& work) = 0;
  // Reads so many messages of a stream that keeps them, acknowledges every `batch`th for all before it, and drops them.
  virtual Result<double> read_stream(const std::string& /*stream*/, std::size_t /*messages*/, std::size_t /*batch*/) {
    return Error(ErrorCode::kNotFound, "there is no raw client for it");
  }
  // Removes what it has made.
  virtual void clean(const RawWork& work) = 0;
};

// libnats at its best: publish-async; overlapping pulls on one inbox, acks as plain publishes.
Result<std::unique_ptr<RawClient>> open_raw_nats(const Url& url);

// libsqlite3 with prepared statements on a file of its own in `directory`, WAL, the same synchronous setting and
// columns.
Result<std::unique_ptr<RawClient>> open_raw_sqlite(const std::string& directory, const std::string& sync);

}  // namespace leat
