#include "cli/job_status.h"

#include "cli/table.h"
#include "core/text.h"

namespace leat::cli {

std::string_view name_of(JobStatus::State state) {
  switch (state) {
    case JobStatus::State::kUnknown: return "unknown";
    case JobStatus::State::kWaiting: return "waiting";
    case JobStatus::State::kScheduled: return "scheduled";
    case JobStatus::State::kPending: return "pending";
    case JobStatus::State::kRunning: return "running";
    case JobStatus::State::kRetrying: return "retrying";
    case JobStatus::State::kDone: return "done";
    case JobStatus::State::kDead: return "dead";
    case JobStatus::State::kCancelled: return "cancelled";
  }
  return "";
}

nlohmann::json to_json(const JobId& id, const JobStatus& status) {
  nlohmann::json json{{"id", id.str()}, {"state", name_of(status.state)}, {"attempts", status.attempts}};
  if (!status.kind.empty()) json["kind"] = status.kind;
  if (!status.worker.empty()) json["worker"] = status.worker;
  if (status.progress > 0) json["progress"] = status.progress;
  if (!status.note.empty()) json["note"] = status.note;
  if (!status.error.empty()) json["error"] = status.error;
  if (status.enqueued_at) json["enqueued_at"] = to_rfc3339(*status.enqueued_at);
  if (status.due) json["due"] = to_rfc3339(*status.due);
  if (status.finished_at) json["finished_at"] = to_rfc3339(*status.finished_at);
  if (status.dead_letter != 0) json["dead_letter"] = status.dead_letter;
  for (const JobStatus::Attempt& failure : status.failures) {
    json["failures"].push_back({{"attempt", failure.number},
                                {"at", to_rfc3339(failure.at)},
                                {"worker", failure.worker},
                                {"error", failure.error}});
  }
  return json;
}

std::string progress_text(double fraction, const std::string& note) {
  if (fraction <= 0) return note;
  return std::to_string(static_cast<int>(fraction * 100)) + " %" + (note.empty() ? "" : " " + note);
}

std::string to_text(const JobId& id, const JobStatus& status) {
  std::string text = id.str() + " is " + std::string(name_of(status.state));
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) text.append("\n  ").append(name).append(": ").append(value);
  };
  const auto time = [](const std::optional<SystemTime>& at) { return at ? to_rfc3339(*at) : std::string(); };
  if (status.state == JobStatus::State::kUnknown) {
    return text + ": it is over and left no record (leat enqueue --track or --result keeps one), or never was";
  }
  line("kind", status.kind);
  line("worker", status.worker);
  line("progress", progress_text(status.progress, status.note));
  line("enqueued", time(status.enqueued_at));
  line("attempts", status.attempts > 0 ? std::to_string(status.attempts) : "");
  for (const JobStatus::Attempt& failure : status.failures) {
    line("attempt " + std::to_string(failure.number),
         to_rfc3339(failure.at) + " on " + failure.worker + ": " + indented(failure.error, 4));
  }
  line(status.state == JobStatus::State::kScheduled ? "due" : "next attempt", time(status.due));
  line("finished", time(status.finished_at));
  if (status.failures.empty()) line("error", indented(status.error, 4));
  line("dead letter", status.dead_letter > 0 ? std::to_string(status.dead_letter) : "");
  return text;
}

}  // namespace leat::cli
