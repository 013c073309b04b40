// Which subjects belong to which stream, as far as this process has asked.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/session.h"

namespace leat::jetstream {

struct StreamEntry {
  bool known = false;  // false: the account may not ask, so nothing can be said
  bool work_queue = false;
  bool one_per_subject = false;  // a newer message replaces the older one
  bool direct = false;           // can be read past the API, and has one replica
  SteadyTime asked_at{};
  std::vector<std::string> subjects;

  // True for subjects of which nothing is known, too.
  bool takes(std::string_view subject) const;
};

// Thread-safe.
class StreamCatalog {
 public:
  explicit StreamCatalog(Session& session) : session_(session) {}

  // Asks the server the first time. Errors: kNotFound, kUnavailable.
  Result<std::shared_ptr<const StreamEntry>> get(std::string_view stream);
  // Not older than `age`. Errors: as get().
  Result<std::shared_ptr<const StreamEntry>> get_fresh(std::string_view stream, Duration age);
  // Asks the server again. Errors: as get().
  Result<std::shared_ptr<const StreamEntry>> refresh(std::string_view stream);
  void forget(std::string_view stream);

 private:
  Session& session_;
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<const StreamEntry>, std::less<>> entries_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat::jetstream
