#include "leat/results.h"

#include "core/mutex.h"
#include "jobs/job_places.h"
#include "jobs/job_streams.h"
#include "jobs/result_record.h"

namespace leat {

// Opens the bucket when it is first asked: the constructor does no I/O.
class Results::Store {
 public:
  Store(Broker& broker, NamespaceOptions name_space)
      : broker_(broker), names_(std::move(name_space)), places_(broker, names_) {}

  Result<KeyValue*> bucket() {
    MutexLock lock(mutex_);
    if (bucket_) return bucket_.get();
    if (auto named = names_.check(); !named) return named.error();
    auto opened = open_results(broker_, names_);
    if (!opened) return opened.error();
    bucket_ = std::move(*opened);
    return bucket_.get();
  }
  JobPlaces& places() { return places_; }
  Clock& clock() { return broker_.clock(); }

 private:
  Broker& broker_;
  Names names_;
  JobPlaces places_;
  Mutex mutex_;
  std::unique_ptr<KeyValue> bucket_ LEAT_GUARDED_BY(mutex_);
};

Results::Results(Broker& broker, NamespaceOptions name_space)
    : store_(std::make_unique<Store>(broker, std::move(name_space))) {}
Results::~Results() = default;

Result<std::optional<JobResult>> Results::get(const JobId& id) {
  auto bucket = store_->bucket();
  if (!bucket) return bucket.error();
  const auto enqueued = store_->places().enqueued_at(id);
  if (!enqueued) return enqueued.error();
  const auto entry = (*bucket)->get(id.str());
  if (!entry) return entry.error();
  if (!*entry) return std::optional<JobResult>{};
  auto result = decode_result((*entry)->value);
  if (!result) return result.error();
  if (*enqueued && is_outdated(*result, **enqueued)) return std::optional<JobResult>{};
  return std::optional<JobResult>(std::move(*result));
}

Result<std::optional<JobResult>> Results::wait(const JobId& id, std::chrono::milliseconds max_wait,
                                               std::stop_token stop) {
  auto bucket = store_->bucket();
  if (!bucket) return bucket.error();
  // The watch begins before the look, so a result that comes in between is seen by one of them.
  auto watch = (*bucket)->watch(id.str());
  if (!watch) return watch.error();
  const SteadyTime until = deadline_after(store_->clock(), max_wait);
  while (true) {
    auto result = get(id);
    if (!result || *result) return result;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - store_->clock().steady());
    if (left.count() <= 0 || stop.stop_requested()) return std::optional<JobResult>{};
    if (const auto changed = (*watch)->next(left, stop); !changed) return changed.error();
  }
}

}  // namespace leat
