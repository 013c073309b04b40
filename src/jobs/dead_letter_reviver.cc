#include "jobs/dead_letter_reviver.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "jobs/dead_letter_message.h"
#include "jobs/dead_letter_remover.h"
#include "jobs/job_message.h"
#include "jobs/unique_key.h"
#include "leat/retry_policy.h"

namespace leat {

// One letter on its way back.
struct DeadLetterReviver::Revival {
  std::uint64_t number = 0;
  JobId id;
  AppendRequest request;
  bool edited = false;
  bool left_something = false;  // a result or a record of how an earlier run ended
  std::optional<Error> failed{};
};

namespace {

bool is_empty(const DeadLetterEdit& edit) {
  return !edit.payload && !edit.kind && !edit.headers;
}

// FNV-1a: the same on every machine. It tells edits of one letter apart that are made within two minutes.
std::string fingerprint(const Message& message) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::string_view part : {std::string_view(message.headers.encoded()), std::string_view(message.payload)}) {
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return std::to_string(hash);
}

// Another letter had this number if the stream was removed and made again.
std::string revived_from(const Names& names, const StoredMessage& letter) {
  const auto stored = std::chrono::floor<std::chrono::milliseconds>(letter.time.time_since_epoch());
  return names.dead_stream() + "-" + std::to_string(letter.sequence) + "-" + std::to_string(stored.count());
}

Result<void> check_option(std::string_view name, std::string_view value) {
  const auto refused = [&](std::string_view remedy) {
    return Error(ErrorCode::kInvalidArgument, "header " + std::string(name) + " \"" +
                                                  std::string(value.substr(0, 200)) + "\": " + std::string(remedy));
  };
  if (name == wire::kMaxAttempts || name == wire::kTimeout || name == wire::kDeadline) {
    return parse_number(value).value_or(0) > 0 ? Result<void>() : refused("write a whole number from 1 on");
  }
  if (name == wire::kResult)
    return value == wire::kKeepResult ? Result<void>() : refused("write keep, or leave it out");
  if (name == wire::kRetry) {
    const auto policy = RetryPolicy::from_json(value);
    return policy ? Result<void>() : refused(policy.error().message());
  }
  return refused("it belongs to leat or the broker and cannot be changed; leave it as it is, or out");
}

// True when `stored` is what `wanted` asks for; a broker may add headers of its own.
bool is_same(const Message& stored, const Message& wanted) {
  if (stored.payload != wanted.payload) return false;
  const auto has = [](const Headers& all, const Headers::Entry& one) { return all.get(one.first) == one.second; };
  const auto own = [](const Headers::Entry& one) { return !one.first.starts_with("Nats-"); };
  return std::all_of(wanted.headers.begin(), wanted.headers.end(),
                     [&](const auto& one) { return has(stored.headers, one); }) &&
         std::all_of(stored.headers.begin(), stored.headers.end(),
                     [&](const auto& one) { return !own(one) || has(wanted.headers, one); });
}

}  // namespace

Result<void> DeadLetterReviver::check(const DeadLetter& letter, const DeadLetterEdit& edit) const {
  if (edit.kind) {
    if (auto kind = check_job_kind(*edit.kind); !kind) return kind;
  }
  const Headers& headers = edit.headers ? *edit.headers : letter.headers;
  if (edit.headers) {
    if (auto checked = check_headers(headers); !checked) return checked;
    for (const auto& [name, value] : headers) {
      const bool taken = name.starts_with("Leat-") || name.starts_with("Nats-");
      if (!taken || letter.headers.get(name) == value) continue;
      if (auto checked = check_option(name, value); !checked) return checked;
    }
  }
  return {};
}

Result<DeadLetterReviver::Revival> DeadLetterReviver::prepare(const StoredMessage& message,
                                                              const DeadLetterEdit& edit) const {
  auto id = dead_job_id(message);
  if (!id) return id.error();
  DeadLetter letter = letter_from(message);
  Revival revival{.number = letter.number, .id = std::move(*id), .edited = !is_empty(edit)};
  if (revival.edited) {
    if (auto checked = check(letter, edit); !checked) return checked.error();
  }
  Message& job = revival.request.message;
  job.subject = names_.subject(revival.id);
  job.headers = edit.headers ? *edit.headers : letter.headers;
  job.payload = edit.payload ? *edit.payload : letter.payload;
  if (const std::string& kind = edit.kind ? *edit.kind : letter.kind; !kind.empty()) job.headers.set(wire::kKind, kind);
  // The old deadline may be why it died.
  if (const auto deadline = job.headers.get(wire::kDeadline); deadline == letter.headers.get(wire::kDeadline))
    job.headers.erase(wire::kDeadline);
  if (revival.edited) {
    const std::size_t limit = broker_.capabilities().max_message_bytes;
    if (auto fits = check_letter_fits(job, revival.id, limit); !fits) return fits.error();
  }
  const std::string name = revived_from(names_, message);
  job.headers.set(wire::kRevivedFrom, name);
  revival.request.message_id = revival.edited ? name + "-" + fingerprint(job) : name;
  revival.request.expected_last = 0;
  revival.left_something = leaves_something(message) || is_unique(job);
  return revival;
}

std::vector<Result<JobId>> DeadLetterReviver::revive(std::span<const StoredMessage> letters,
                                                     const DeadLetterEdit& edit) {
  std::vector<Result<JobId>> results;
  std::vector<Revival> revivals;
  for (const StoredMessage& letter : letters) {
    auto prepared = prepare(letter, edit);
    results.push_back(prepared ? Result<JobId>(prepared->id) : Result<JobId>(prepared.error()));
    if (prepared) revivals.push_back(std::move(*prepared));
  }
  enqueue(revivals);
  remove(revivals);
  auto next = revivals.begin();
  for (Result<JobId>& result : results) {
    if (!result) continue;
    if (next->failed) result = *next->failed;
    ++next;
  }
  return results;
}

// One append for each priority's stream, the letters of each in order.
void DeadLetterReviver::enqueue(std::span<Revival> revivals) {
  for (const Priority priority : kPriorities) {
    std::vector<Revival*> chosen;
    std::vector<AppendRequest> requests;
    for (Revival& revival : revivals) {
      if (revival.id.priority() != priority) continue;
      chosen.push_back(&revival);
      requests.push_back(revival.request);
    }
    if (requests.empty()) continue;
    const auto left = left_by_earlier_runs(chosen);
    const auto appended = broker_.append(names_.stream(priority), requests);
    std::vector<Endings::Left> outdated;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      // Of what was enqueued before, it may be the new run that has left something.
      if (appended[i] && !appended[i]->duplicate) outdated.push_back(left[i]);
      if (appended[i]) continue;
      if (const auto there = look_for(*chosen[i], appended[i].error()); !there) chosen[i]->failed = there.error();
    }
    endings_.clear(outdated);
  }
}

// That the job is dead holds no longer once it waits again.
std::vector<Endings::Left> DeadLetterReviver::left_by_earlier_runs(std::span<Revival* const> revivals) {
  std::vector<JobId> ids;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < revivals.size(); ++i) {
    if (!revivals[i]->left_something) continue;
    ids.push_back(revivals[i]->id);
    places.push_back(i);
  }
  std::vector<Endings::Left> left(revivals.size());
  auto found = endings_.left_by(ids);
  for (std::size_t i = 0; i < places.size(); ++i) left[places[i]] = std::move(found[i]);
  return left;
}

// Ok when the job waits there already: put by an earlier try that ended before the removal, or by this one, whose
// answer was lost.
Result<void> DeadLetterReviver::look_for(const Revival& revival, const Error& refusal) {
  const bool conflict = refusal.code() == ErrorCode::kConflict;
  if (!conflict && refusal.code() != ErrorCode::kUnknown) return refusal;
  const auto there = broker_.admin().read_last(names_.stream(revival.id.priority()), revival.request.message.subject);
  if (!there) return conflict ? there.error() : refusal;
  const Message& wanted = revival.request.message;
  const bool ours = *there && header_of(**there, wire::kRevivedFrom) == header_of(wanted, wire::kRevivedFrom);
  if (ours && (!revival.edited || is_same(**there, wanted))) return {};
  if (!conflict) return refusal;
  if (ours) {
    return Error(ErrorCode::kConflict,
                 "an earlier retry has enqueued " + revival.id.str() +
                     " in another form: discard the dead letter, or retry it when the job is done");
  }
  return Error(ErrorCode::kConflict, "another job with the id " + revival.id.str() +
                                         " is not done yet: retry the dead letter when it is, or discard it");
}

void DeadLetterReviver::remove(std::span<Revival> revivals) {
  std::vector<Revival*> chosen;
  std::vector<std::uint64_t> numbers;
  for (Revival& revival : revivals) {
    if (revival.failed) continue;
    chosen.push_back(&revival);
    numbers.push_back(revival.number);
  }
  const auto removed = remove_dead_letters(broker_, names_, numbers);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (removed[i]) continue;
    chosen[i]->failed = removed[i].error().with_context("job " + chosen[i]->id.str() +
                                                        " is enqueued, but its dead letter is still here (retry it "
                                                        "again to remove it)");
  }
}

}  // namespace leat
