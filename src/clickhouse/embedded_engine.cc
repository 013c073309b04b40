#include "clickhouse/embedded_engine.h"

#include "clickhouse/memory_file.h"
#include "clickhouse/server_error.h"
#include "clickhouse/statement_text.h"

namespace leat {
namespace {

std::string set_statement(const ClickHouseSettings& settings, bool back) {
  std::string sql;
  for (const auto& [name, value] : settings) {
    sql += (sql.empty() ? "SET " : ", ") + name + " = " + (back ? "DEFAULT" : quote_literal(value));
  }
  return sql;
}

}  // namespace

Result<std::unique_ptr<ClickHouse>> EmbeddedEngine::open(const std::string& directory,
                                                         const OpenClickHouseOptions& options) {
  if (directory.empty()) {
    return Error(ErrorCode::kInvalidArgument, "chdb: names no directory for its tables; expected chdb:PATH");
  }
  const auto library = ChdbLibrary::load(options.library);
  if (!library) return library.error();
  auto engine = std::make_unique<EmbeddedEngine>(**library, directory);
  if (auto asked = engine->ask_facts(); !asked) return asked.error();
  return std::unique_ptr<ClickHouse>(std::move(engine));
}

Result<void> EmbeddedEngine::ask_facts() {
  facts_.embedded = true;
  facts_.address = "chdb:" + directory_;
  const auto rows = query_rows(*this, "SELECT version(), currentDatabase()");
  if (!rows) return rows.error();
  fill_version(facts_, rows->front().at(0).value_or(""));
  facts_.database = rows->front().at(1).value_or("");
  facts_.tokens = true;
  return {};
}

Result<std::unique_ptr<ChdbLibrary::Session>> EmbeddedEngine::take_session() {
  MutexLock lock(mutex_);
  if (!idle_.empty()) {
    auto session = std::move(idle_.back());
    idle_.pop_back();
    return session;
  }
  auto session = library_.open(directory_);
  if (session) return session;
  return Error(ErrorCode::kConflict, directory_ +
                                         " cannot be opened by the embedded engine (it says why on standard error): "
                                         "another process may have it open, or this one another directory");
}

void EmbeddedEngine::keep(std::unique_ptr<Session> session) {
  MutexLock lock(mutex_);
  idle_.push_back(std::move(session));
}

Result<ChdbLibrary::Answer> EmbeddedEngine::run(std::string_view sql, const std::string& query_id,
                                                const ClickHouseSettings& settings) {
  if (!query_id.empty()) {
    MutexLock lock(mutex_);
    if (!running_.insert(query_id).second) {
      return Error(ErrorCode::kUnavailable, "a query with the id " + query_id + " is running");
    }
  }
  auto session = take_session();
  ChdbLibrary::Answer answer;
  if (session) {
    if (!settings.empty()) answer = (*session)->ask(set_statement(settings, false));
    if (!answer.error) answer = (*session)->ask(sql);
    if (!settings.empty()) static_cast<void>((*session)->ask(set_statement(settings, true)));
    keep(std::move(*session));
  }
  if (!query_id.empty()) {
    MutexLock lock(mutex_);
    running_.erase(query_id);
  }
  if (!session) return session.error();
  return answer;
}

Result<void> EmbeddedEngine::execute(std::string_view sql, const QueryOptions& options) {
  const auto answer = query(sql, options);
  return answer ? Result<void>() : answer.error();
}

Result<std::string> EmbeddedEngine::query(std::string_view sql, const QueryOptions& options) {
  if (options.stop.stop_requested()) return Error(ErrorCode::kUnknown, "stopped before it began");
  auto answer = run(sql, options.query_id, options.settings);
  if (!answer) return answer.error();
  if (answer->error) return parse_server_error(*answer->error).error();
  return std::move(answer->bytes);
}

// Rows that stand in the statement itself would be cut at line breaks among their bytes; a file is read whole.
std::string EmbeddedEngine::reading_from(const std::string& path, const std::string& sql,
                                         const ClickHouseSettings& settings) {
  const std::size_t format = sql.rfind(" FORMAT ");
  std::string statement = sql.substr(0, format) + " FROM INFILE " + quote_literal(path) + " COMPRESSION 'none'";
  for (std::size_t i = 0; i < settings.size(); ++i) {
    statement += (i == 0 ? " SETTINGS " : ", ") + settings[i].first + " = " + quote_literal(settings[i].second);
  }
  return statement + sql.substr(format);
}

Result<InsertAnswer> EmbeddedEngine::insert(const InsertRequest& request, std::stop_token stop) {
  if (stop.stop_requested()) return InsertAnswer{InsertAnswer::Verdict::kStopped, 0, ""};
  const auto statement = insert_statement(request);
  if (!statement) return statement.error();
  const auto settings = insert_settings(request, facts_);
  if (!settings) return settings.error();
  const auto rows = MemoryFile::of(request.rows);
  if (!rows) return rows.error();
  const auto answer = run(reading_from(rows->path(), *statement, *settings), request.query_id, {});
  if (!answer) return answer.error();
  if (!answer->error) return InsertAnswer{};
  const ServerError error = parse_server_error(*answer->error);
  if (error.fault != ServerFault::kRow) return error.error();
  return InsertAnswer{InsertAnswer::Verdict::kRefused, error.code, error.text};
}

Result<bool> EmbeddedEngine::is_running(std::string_view query_id) {
  MutexLock lock(mutex_);
  return running_.find(query_id) != running_.end();
}

}  // namespace leat
