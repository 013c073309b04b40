// Messages as rows: the columns in the order in which every query names them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/sqlite/catalog.h"
#include "broker/sqlite/database.h"
#include "broker/sqlite/subject_filter.h"
#include "leat/message.h"

namespace leat::sqlite {

constexpr std::string_view kMessageColumns = "sequence, time, subject, headers, payload";
constexpr std::string_view kHeadColumns = "sequence, time, subject, headers, x''";
// The size of a message as StreamFacts::bytes counts it.
constexpr std::string_view kSizeColumn = "length(CAST(subject AS BLOB)) + length(headers) + length(payload)";

// From a row of the columns above. Throws DatabaseError (kCorrupt) when the headers are none.
StoredMessage message_of(const Rows& row);

// The SQL condition for a filter, with ?2, ?3, ?4 for its bounds and its text. Walk::kSubjects lets SQLite look the
// subjects up in their index; without, it walks the sequences.
enum class Walk { kSequences, kSubjects };
std::string condition_of(const SubjectFilter& filter, Walk walk);

// Runs a statement with such a condition: the filter is ?2 to ?4, the numbers are ?1, ?5 and ?6.
Rows query_filtered(Statement& statement, const SubjectFilter& filter, std::uint64_t one, std::uint64_t five,
                    std::uint64_t six);

// The sequence before the first message that was stored at or after `time`; `last_sequence` when there is none.
std::uint64_t cursor_before(Database& database, std::int64_t stream, SystemTime time, std::uint64_t last_sequence);

// True when a message stored at `time` is older than the stream keeps it.
bool is_expired(std::int64_t time, Duration max_age, SystemTime now);

}  // namespace leat::sqlite
