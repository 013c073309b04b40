// Reads the newest message of subjects, also where the server's own answer cannot be trusted.
//
// Once the last message of a subject was removed, servers before 2.15 can go on giving it, or say that there is none,
// though older ones are there.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/lookup.h"
#include "broker/jetstream/stream_catalog.h"

namespace leat::jetstream {

// One result per subject, in order; empty when there is none. The subjects have no wildcards. Errors: as look_up().
std::vector<Result<Found>> look_up_last(Session& session, StreamCatalog& catalog, std::string_view stream,
                                        std::span<const std::string> subjects);

}  // namespace leat::jetstream
