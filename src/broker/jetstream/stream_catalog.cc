#include "broker/jetstream/stream_catalog.h"

#include <algorithm>

namespace leat::jetstream {

bool StreamEntry::takes(std::string_view subject) const {
  return !known || std::any_of(subjects.begin(), subjects.end(),
                               [&](const std::string& filter) { return subject_matches(filter, subject); });
}

Result<std::shared_ptr<const StreamEntry>> StreamCatalog::get(std::string_view stream) {
  {
    MutexLock lock(mutex_);
    if (const auto found = entries_.find(stream); found != entries_.end()) return found->second;
  }
  return refresh(stream);
}

Result<std::shared_ptr<const StreamEntry>> StreamCatalog::get_fresh(std::string_view stream, Duration age) {
  auto entry = get(stream);
  if (!entry || session_.clock().steady() - (*entry)->asked_at <= age) return entry;
  return refresh(stream);
}

Result<std::shared_ptr<const StreamEntry>> StreamCatalog::refresh(std::string_view stream) {
  const std::string name(stream);
  auto info = session_.api().require("STREAM.INFO." + name, nullptr, "stream \"" + name + "\"");
  auto entry = std::make_shared<StreamEntry>();
  entry->asked_at = session_.clock().steady();
  if (info) {
    const auto& config = object_at(*info, "config");
    entry->known = true;
    entry->work_queue = text_at(config, "retention") == "workqueue";
    entry->direct = config.value("allow_direct", false) && number_at(config, "num_replicas") <= 1;
    entry->one_per_subject = number_at(config, "max_msgs_per_subject") == 1;
    if (const auto list = config.find("subjects"); list != config.end() && list->is_array()) {
      for (const auto& each : *list) entry->subjects.push_back(each.is_string() ? each.get<std::string>() : "");
    }
  } else if (info.error().code() != ErrorCode::kDenied) {
    if (info.error().code() == ErrorCode::kNotFound) forget(stream);
    return info.error();
  }
  MutexLock lock(mutex_);
  entries_.insert_or_assign(name, entry);
  return std::shared_ptr<const StreamEntry>(std::move(entry));
}

void StreamCatalog::forget(std::string_view stream) {
  MutexLock lock(mutex_);
  if (const auto found = entries_.find(stream); found != entries_.end()) entries_.erase(found);
}

}  // namespace leat::jetstream
