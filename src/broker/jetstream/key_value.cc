#include "broker/jetstream/key_value.h"

#include <algorithm>
#include <set>

#include "broker/config_checks.h"
#include "broker/jetstream/lookup.h"
#include "broker/jetstream/ordered_reader.h"
#include "core/ulid.h"

namespace leat::jetstream {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kMany = 64;  // keys: worth a question about the bucket
constexpr std::chrono::seconds kLongestRead{15};

AppendRequest to_request(const KeyWrite& write, const BucketNames& names, SystemTime now) {
  using Kind = KeyWrite::Kind;
  AppendRequest request;
  request.message.subject = names.subject(write.key);
  request.message_id = make_ulid(now);
  if (write.kind == Kind::kErase) {
    request.message.headers.set(kOperationHeader, kErased);
  } else {
    request.message.payload = write.value;
  }
  if (write.kind == Kind::kCreate) request.expected_last = 0;
  if (write.kind == Kind::kUpdate || (write.kind == Kind::kErase && write.revision > 0)) {
    request.expected_last = write.revision;
  }
  return request;
}

}  // namespace

std::vector<Result<std::optional<KeyEntry>>> JetStreamKeyValue::read(std::span<const std::string> keys) {
  std::vector<std::string> bodies;
  std::vector<Result<void>> valid;
  for (const std::string& key : keys) {
    valid.push_back(check_key(key));
    if (valid.back()) bodies.push_back(last_by_subject(names_.subject(key)));
  }
  const bool nothing_there = bodies.size() >= kMany && is_empty();
  auto found =
      nothing_there ? std::vector<Result<Found>>(bodies.size(), Found()) : look_up(session_, names_.stream, bodies);
  std::vector<Result<std::optional<KeyEntry>>> results;
  results.reserve(keys.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!valid[i]) {
      results.emplace_back(valid[i].error());
      continue;
    }
    Result<Found>& answer = found[at++];
    std::optional<KeyEntry> entry;
    if (answer && *answer) entry = to_entry(std::move((*answer)->message), names_);
    if (entry && entry->erased) entry.reset();
    if (answer) {
      results.emplace_back(std::move(entry));
    } else {
      results.emplace_back(answer.error());
    }
  }
  return results;
}

// One question instead of many: where nothing has ever failed there are no attempt records.
bool JetStreamKeyValue::is_empty() {
  const auto info = session_.api().call("STREAM.INFO." + names_.stream);
  return info && info->error == 0 && number_at(object_at(info->body, "state"), "messages", 1) == 0;
}

// A second write of a key waits for the first: its outcome can depend on it.
std::vector<Result<std::uint64_t>> JetStreamKeyValue::write(std::span<const KeyWrite> writes) {
  std::vector<Result<std::uint64_t>> results;
  results.reserve(writes.size());
  for (std::size_t begin = 0; begin < writes.size();) {
    std::set<std::string_view> keys;
    std::size_t end = begin;
    while (end < writes.size() && keys.insert(writes[end].key).second) ++end;
    write_distinct(writes.subspan(begin, end - begin), results);
    begin = end;
  }
  return results;
}

void JetStreamKeyValue::write_distinct(std::span<const KeyWrite> writes, std::vector<Result<std::uint64_t>>& results) {
  std::vector<AppendRequest> requests;
  std::vector<Result<void>> valid;
  const SystemTime now = session_.clock().now();
  for (const KeyWrite& write : writes) {
    valid.push_back(check_key(write.key));
    if (valid.back()) requests.push_back(to_request(write, names_, now));
  }
  auto appended = publisher_.append(names_.stream, requests);
  std::size_t at = 0;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (!valid[i]) {
      results.emplace_back(valid[i].error());
      continue;
    }
    Result<Appended>& answer = appended[at];
    const AppendRequest& request = requests[at++];
    const bool conflict = !answer && answer.error().code() == ErrorCode::kConflict;
    if (conflict && writes[i].kind == KeyWrite::Kind::kCreate) answer = write_over_erased(request, answer.error());
    if (answer) {
      results.emplace_back(answer->sequence);
    } else {
      results.emplace_back(answer.error());
    }
  }
}

// What stands under an erased key is the mark of its end: a record is created over that.
Result<Appended> JetStreamKeyValue::write_over_erased(const AppendRequest& request, Error conflict) {
  constexpr int kTries = 3;  // others may create and erase meanwhile
  AppendRequest again = request;
  for (int i = 0; i < kTries; ++i) {
    auto found = look_up_one(session_, names_.stream, last_by_subject(request.message.subject));
    if (!found) return found.error();
    if (*found && !(*found)->message.headers.get(kOperationHeader)) return conflict;
    again.expected_last = *found ? (*found)->message.sequence : 0;
    again.message_id = make_ulid(session_.clock().now());
    auto appended = publisher_.append(names_.stream, {&again, 1});
    if (appended.front() || appended.front().error().code() != ErrorCode::kConflict) return std::move(appended.front());
  }
  return conflict;
}

Result<std::vector<KeyEntry>> JetStreamKeyValue::list(std::string_view prefix) {
  std::vector<KeyEntry> entries;
  if (!prefix.empty()) {
    auto itself = get(std::string(prefix));
    if (!itself) return itself.error();
    if (*itself) entries.push_back(std::move(**itself));
  }
  auto below = list_below(prefix);
  if (!below) return below.error();
  std::move(below->begin(), below->end(), std::back_inserter(entries));
  std::sort(entries.begin(), entries.end(), [](const KeyEntry& a, const KeyEntry& b) { return a.key < b.key; });
  return entries;
}

Result<std::vector<KeyEntry>> JetStreamKeyValue::list_below(std::string_view prefix) {
  OrderedConfig config{.stream = names_.stream, .start = OrderedConfig::Start::kLastOfEachSubject};
  if (!prefix.empty()) config.filters = {names_.subject(prefix) + ".>"};
  OrderedPull pull(session_, config);
  const SteadyTime deadline = deadline_after(session_.clock(), kLongestRead);
  std::vector<KeyEntry> entries;
  do {
    auto next = pull.next({kBatch}, deadline, OrderedPull::AtEnd::kReturn, {});
    if (!next) return next.error();
    if (next->empty()) break;
    for (const OrderedMessage& message : *next) {
      KeyEntry entry = to_entry(to_stored(message), names_);
      if (!entry.erased) entries.push_back(std::move(entry));
    }
  } while (!pull.caught_up());
  return entries;
}

Result<std::unique_ptr<KeyWatch>> JetStreamKeyValue::watch(std::string_view prefix) {
  if (!prefix.empty()) {
    if (auto valid = check_key(prefix); !valid) return valid.error();
  }
  return std::make_unique<JetStreamKeyWatch>(session_, names_, prefix);
}

namespace {

// Servers before 2.10 know one filter per consumer, and 2.10.27 overlooks for good what is written under one of several
// while the consumer is made (2.15.1 does not): there everything comes, and is sorted out here.
OrderedConfig watch_config(Session& session, const BucketNames& names, std::string_view prefix) {
  OrderedConfig config{.stream = names.stream, .start = OrderedConfig::Start::kLastOfEachSubject};
  if (!prefix.empty() && session.level().at_least(2, 15)) {
    config.filters = {names.subject(prefix), names.subject(prefix) + ".>"};
  }
  return config;
}

}  // namespace

JetStreamKeyWatch::JetStreamKeyWatch(Session& session, const BucketNames& names, std::string_view prefix)
    : session_(session), names_(names), prefix_(prefix), pull_(session, watch_config(session, names, prefix)) {}

// What was erased before the watch began was never there for it. What is erased while it catches up may be.
bool JetStreamKeyWatch::matters(const KeyEntry& entry) {
  if (caught_up_) return true;
  if (entry.erased) return returned_.erase(entry.key) > 0;
  returned_.insert(entry.key);
  return true;
}

Result<std::vector<KeyEntry>> JetStreamKeyWatch::next(std::chrono::milliseconds max_wait, std::stop_token stop) {
  using AtEnd = OrderedPull::AtEnd;
  const SteadyTime deadline = deadline_after(session_.clock(), max_wait);
  std::vector<KeyEntry> entries;
  while (entries.empty()) {
    auto next = pull_.next({kBatch}, deadline, caught_up_ ? AtEnd::kFollow : AtEnd::kReturn, stop);
    if (!next) return next.error();
    for (const OrderedMessage& message : *next) {
      KeyEntry entry = to_entry(to_stored(message), names_);
      if (key_selected(prefix_, entry.key) && matters(entry)) entries.push_back(std::move(entry));
    }
    const bool was_caught_up = caught_up_;
    caught_up_ = caught_up_ || pull_.caught_up();
    if (caught_up_) returned_.clear();
    if (next->empty() || caught_up_ != was_caught_up) break;
  }
  return entries;
}

}  // namespace leat::jetstream
