// A program for tests: today's ClickHouse engine behind HTTP, as a server speaks it.
//
// Usage: chdb_front LIBRARY DIRECTORY PORT
// Understands the parameters query, query_id and database, any other as a setting; bodies in gzip and zstd; logins of
// the default user and of ada. Answers errors with the status and the headers of a server. What an acknowledged
// statement did survives kill -9, as it does with a server. Requests wait for each other no more than a server's do.
#include <httplib.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <map>
#include <set>

#include "clickhouse/chdb_library.h"
#include "clickhouse/embedded_engine.h"
#include "clickhouse/memory_file.h"
#include "clickhouse/server_error.h"
#include "clickhouse/statement_text.h"
#include "core/base64.h"
#include "core/mutex.h"
#include "core/ulid.h"

namespace {

using leat::ChdbLibrary;
using Session = ChdbLibrary::Session;

// Sessions that are used again, and the ids of what runs.
class Sessions {
 public:
  Sessions(const ChdbLibrary& library, std::string directory) : library_(library), directory_(std::move(directory)) {}

  std::unique_ptr<Session> take() {
    leat::MutexLock lock(mutex_);
    if (idle_.empty()) return library_.open(directory_);
    auto session = std::move(idle_.back());
    idle_.pop_back();
    return session;
  }
  void keep(std::unique_ptr<Session> session) {
    leat::MutexLock lock(mutex_);
    idle_.push_back(std::move(session));
  }
  bool begin(const std::string& query_id) {
    leat::MutexLock lock(mutex_);
    return running_.insert(query_id).second;
  }
  void end(const std::string& query_id) {
    leat::MutexLock lock(mutex_);
    running_.erase(query_id);
  }

 private:
  const ChdbLibrary& library_;
  const std::string directory_;
  leat::Mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_ LEAT_GUARDED_BY(mutex_);
  std::set<std::string> running_ LEAT_GUARDED_BY(mutex_);
};

bool gunzip(std::string& body) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(body.data());
  stream.avail_in = static_cast<uInt>(body.size());
  std::string out;
  std::array<char, 1 << 16> piece{};
  int ended = Z_OK;
  while (ended == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    ended = inflate(&stream, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  body = std::move(out);
  return ended == Z_STREAM_END;
}

bool unzstd(std::string& body) {
  const auto size = ZSTD_getFrameContentSize(body.data(), body.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return false;
  std::string out(size, '\0');
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), body.data(), body.size());
  body = std::move(out);
  return ZSTD_isError(got) == 0 && got == size;
}

std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void answer_error(httplib::Response& response, const std::string& text) {
  const leat::ServerError error = leat::parse_server_error(text);
  const bool unknown = error.code == 60 || error.code == 81;
  response.status = unknown ? 404 : error.code == 516 ? 401 : error.code == 62 ? 400 : 500;
  response.set_header("X-ClickHouse-Exception-Code", std::to_string(error.code));
  response.set_content(text + "\n", "text/plain; charset=UTF-8");
}

bool may_enter(const httplib::Request& request) {
  const std::string login = request.get_header_value("Authorization");
  if (login.empty()) return true;
  const auto plain = leat::from_base64(login.substr(login.find(' ') + 1));
  return plain && (*plain == "default:" || *plain == "ada:se:cr@t");
}

std::string with_settings(const leat::ClickHouseSettings& settings, const char* back) {
  std::string sql;
  for (const auto& [name, value] : settings) {
    sql += (sql.empty() ? "SET " : ", ") + name + " = " + (back != nullptr ? back : leat::quote_literal(value));
  }
  return sql;
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

// One request, taken apart.
struct Statement {
  std::string sql;
  std::string rows;
  std::string query_id;
  std::string database;
  leat::ClickHouseSettings settings;
};

Statement statement_of(const httplib::Request& request) {
  Statement statement;
  static const std::set<std::string> kOfHttp{"query", "query_id", "database", "wait_end_of_query",
                                             "enable_http_compression"};
  for (const auto& [name, value] : request.params) {
    if (kOfHttp.count(name) == 0) statement.settings.emplace_back(name, value);
  }
  statement.query_id = request.get_param_value("query_id");
  if (statement.query_id.empty()) statement.query_id = leat::make_ulid(leat::real_clock().now());
  statement.database = request.get_param_value("database");
  // The engine gives its own ids to queries; a comment that it keeps beside them tells ours.
  statement.settings.emplace_back("log_comment", statement.query_id);
  statement.sql = request.get_param_value("query");
  (statement.sql.empty() ? statement.sql : statement.rows) = request.body;
  if (statement.sql.find("system.processes") != statement.sql.npos) {
    replace_all(statement.sql, "query_id", "Settings['log_comment']");
  }
  return statement;
}

ChdbLibrary::Answer run(const Session& session, const Statement& statement) {
  if (!statement.database.empty()) {
    auto used = session.ask("USE " + leat::quote_name(statement.database));
    if (used.error) return used;
  }
  if (statement.rows.empty() && statement.sql.find("FORMAT RowBinary") == statement.sql.npos) {
    return session.ask(statement.sql);
  }
  const auto rows = leat::MemoryFile::of(statement.rows);
  if (!rows) return {"", rows.error().message()};
  return session.ask(leat::EmbeddedEngine::reading_from(rows->path(), statement.sql, {}));
}

ChdbLibrary::Answer run_with_settings(const Session& session, const Statement& statement) {
  ChdbLibrary::Answer answer = session.ask(with_settings(statement.settings, nullptr));
  if (!answer.error) answer = run(session, statement);
  static_cast<void>(session.ask(with_settings(statement.settings, "DEFAULT")));
  if (!statement.database.empty()) static_cast<void>(session.ask("USE default"));
  return answer;
}

void answer(Sessions& sessions, httplib::Request request, httplib::Response& response) {
  if (!may_enter(request)) {
    answer_error(response,
                 "Code: 516. DB::Exception: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)");
    return;
  }
  const std::string encoding = request.get_header_value("Content-Encoding");
  const bool zipped =
      encoding == "gzip" && request.body.starts_with("\x1f\x8b");  // the HTTP library may have undone it
  if ((zipped && !gunzip(request.body)) || (encoding == "zstd" && !unzstd(request.body))) {
    answer_error(response, "Code: 354. DB::Exception: inflate failed. (ZLIB_INFLATE_FAILED)");
    return;
  }
  const Statement statement = statement_of(request);
  response.set_header("X-ClickHouse-Query-Id", statement.query_id);
  if (!sessions.begin(statement.query_id)) {
    answer_error(response, "Code: 216. DB::Exception: Query with id = " + statement.query_id +
                               " is already running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)");
    return;
  }
  auto session = sessions.take();
  ChdbLibrary::Answer result = run_with_settings(*session, statement);
  sessions.keep(std::move(session));
  sessions.end(statement.query_id);
  if (result.error) {
    answer_error(response, *result.error);
    return;
  }
  const bool compressed = request.get_param_value("enable_http_compression") == "1" &&
                          request.get_header_value("Accept-Encoding").find("gzip") != std::string::npos;
  if (compressed) response.set_header("Content-Encoding", "gzip");
  response.set_content(compressed ? gzipped(result.bytes) : result.bytes, "text/tab-separated-values; charset=UTF-8");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: chdb_front LIBRARY DIRECTORY PORT\n");
    return 2;
  }
  const auto library = ChdbLibrary::load(argv[1]);
  if (!library) {
    std::fprintf(stderr, "%s\n", library.error().message().c_str());
    return 1;
  }
  Sessions sessions(**library, argv[2]);
  auto first = sessions.take();
  if (!first) return 1;
  sessions.keep(std::move(first));
  httplib::Server server;
  server.set_payload_max_length(std::size_t{1} << 30);
  server.set_keep_alive_max_count(1'000'000);
  server.set_tcp_nodelay(true);
  server.new_task_queue = [] { return new httplib::ThreadPool(16); };
  server.Get("/ping",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("Ok.\n", "text/plain"); });
  server.Post(
      "/", [&](const httplib::Request& request, httplib::Response& response) { answer(sessions, request, response); });
  return server.listen("127.0.0.1", std::stoi(argv[3])) ? 0 : 1;
}
