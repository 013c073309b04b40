// The tables of the file and their version (docs/spec/storage.md).
#pragma once

#include <cstdint>
#include <string>

#include "broker/sqlite/database.h"

namespace leat::sqlite {

// "leat" in the file's header: tells our files from those of other programs.
constexpr std::int64_t kApplicationId = 0x6c656174;
constexpr std::int64_t kSchemaVersion = 2;

// The version of the file, 0 for an empty one; only reads. Throws DatabaseError: kCorrupt when the file belongs to
// another program or to a newer leat.
std::int64_t check_origin(Database& database, const std::string& path);

// Brings a file that is empty or of an earlier version to this one, in one transaction. Throws as check_origin().
void migrate(Database& database, const std::string& path);

// The tables that each stream and each bucket has of its own.
void create_stream_tables(Database& database, std::int64_t stream);
void drop_stream_tables(Database& database, std::int64_t stream);
void create_subject_index(Database& database, std::int64_t stream);
bool has_subject_index(Database& database, std::int64_t stream);
void create_bucket_tables(Database& database, std::int64_t bucket);

std::string messages_table(std::int64_t stream);
std::string ids_table(std::int64_t stream);
std::string records_table(std::int64_t bucket);

}  // namespace leat::sqlite
