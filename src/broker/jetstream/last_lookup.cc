#include "broker/jetstream/last_lookup.h"

#include <utility>

namespace leat::jetstream {
namespace {

using Indices = std::vector<std::size_t>;

// Those whose answer is not what is really the last. What the server gave is asked for again by its sequence.
Indices find_wrong(Session& session, StreamCatalog& catalog, std::string_view stream,
                   std::vector<Result<Found>>& last) {
  Indices given;
  Indices wrong;
  Indices none;
  std::vector<std::string> bodies;
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (!last[i]) continue;
    if (*last[i]) {
      given.push_back(i);
      bodies.push_back(by_sequence((*last[i])->message.sequence));
    } else {
      none.push_back(i);
    }
  }
  auto themselves = look_up(session, stream, bodies);
  for (std::size_t k = 0; k < given.size(); ++k) {
    if (themselves[k] && !*themselves[k]) wrong.push_back(given[k]);
    last[given[k]] = std::move(themselves[k]);
  }
  if (none.empty()) return wrong;
  const auto entry = catalog.get(stream);
  if (!entry) {
    for (const std::size_t i : none) last[i] = entry.error();
  } else if (!(*entry)->work_queue && !(*entry)->one_per_subject) {
    // Looking for what is not there takes the server long, so only where there can be older ones.
    wrong.insert(wrong.end(), none.begin(), none.end());
  }
  return wrong;
}

// Walks over all messages of these subjects, side by side.
void walk_to_last(Session& session, std::string_view stream, std::span<const std::string> subjects, Indices walking,
                  std::vector<Result<Found>>& last) {
  for (const std::size_t i : walking) last[i] = Found();
  while (!walking.empty()) {
    std::vector<std::string> bodies;
    for (const std::size_t i : walking) {
      const Found& so_far = *last[i];
      bodies.push_back(next_by_subject(so_far ? so_far->message.sequence + 1 : 1, subjects[i]));
    }
    auto next = look_up(session, stream, bodies);
    Indices go_on;
    for (std::size_t k = 0; k < walking.size(); ++k) {
      if (next[k] && *next[k]) go_on.push_back(walking[k]);
      if (!next[k] || *next[k]) last[walking[k]] = std::move(next[k]);
    }
    walking = std::move(go_on);
  }
}

}  // namespace

std::vector<Result<Found>> look_up_last(Session& session, StreamCatalog& catalog, std::string_view stream,
                                        std::span<const std::string> subjects) {
  std::vector<std::string> bodies;
  bodies.reserve(subjects.size());
  for (const std::string& subject : subjects) bodies.push_back(last_by_subject(subject));
  auto last = look_up(session, stream, bodies);
  if (!session.level().before(2, 15)) return last;
  walk_to_last(session, stream, subjects, find_wrong(session, catalog, stream, last), last);
  return last;
}

}  // namespace leat::jetstream
