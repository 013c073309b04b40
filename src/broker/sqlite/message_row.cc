#include "broker/sqlite/message_row.h"

#include <utility>

#include "broker/sqlite/schema.h"

namespace leat::sqlite {

StoredMessage message_of(const Rows& row) {
  StoredMessage message;
  message.sequence = row.number(0);
  message.time = from_stored(row.integer(1));
  message.subject = row.bytes(2);
  auto headers = Headers::from_encoded(row.string(3));
  if (!headers) {
    throw DatabaseError(ErrorCode::kCorrupt,
                        "message " + std::to_string(message.sequence) + ": " + headers.error().message());
  }
  message.headers = *std::move(headers);
  message.payload = row.bytes(4);
  return message;
}

std::string condition_of(const SubjectFilter& filter, Walk walk) {
  // A unary plus keeps a column from being looked up in an index.
  const std::string subject = walk == Walk::kSequences ? "+subject" : "subject";
  const std::string lower = " AND " + subject + " >= ?2";
  const std::string upper = " AND " + subject + " < ?3";
  switch (filter.kind) {
    case SubjectFilter::Kind::kAll: return {};
    case SubjectFilter::Kind::kRange: return lower + upper;
    case SubjectFilter::Kind::kPattern: break;
  }
  return lower + (filter.high.empty() ? "" : upper) + " AND leat_matches(?4, subject)";
}

Rows query_filtered(Statement& statement, const SubjectFilter& filter, std::uint64_t one, std::uint64_t five,
                    std::uint64_t six) {
  return statement.query(one, std::string_view(filter.low), std::string_view(filter.high),
                         std::string_view(filter.text), five, six);
}

std::uint64_t cursor_before(Database& database, std::int64_t stream, SystemTime time, std::uint64_t last_sequence) {
  Rows row =
      database
          .statement("SELECT sequence FROM " + messages_table(stream) + " WHERE time >= ? ORDER BY sequence LIMIT 1")
          .query(to_stored(time));
  return row.next() ? row.number(0) - 1 : last_sequence;
}

bool is_expired(std::int64_t time, Duration max_age, SystemTime now) {
  return max_age > Duration{0} && to_stored(now) - time >= max_age.count();
}

}  // namespace leat::sqlite
