#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "clickhouse/sql_splitter.h"
#include "core/text.h"
#include "leat/migrations.h"

namespace leat {
namespace {

Error invalid(std::string_view file, std::string message) {
  return {ErrorCode::kInvalidArgument, std::string(file) + ": " + std::move(message)};
}

// FNV-1a: tells whether a file was edited; nobody forges one.
std::string checksum_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[(hash >> shift) & 15];
  return text;
}

std::string_view trimmed_line(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  return begin == text.npos ? std::string_view{} : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

// "StatementBegin" of "-- +goose StatementBegin"; empty for another line.
std::string_view annotation(std::string_view line) {
  line = trimmed_line(line);
  if (!line.starts_with("--")) return {};
  line = trimmed_line(line.substr(2));
  constexpr std::string_view kMark = "+goose";
  return line.starts_with(kMark) ? trimmed_line(line.substr(kMark.size())) : std::string_view{};
}

// Reads a file line by line.
class Reading {
 public:
  Reading(std::string_view file, MigrationFile& migration) : file_(file), migration_(migration) {}

  Result<void> take(std::string_view line) {
    ++number_;
    const std::string_view mark = annotation(line);
    if (!mark.empty()) return obey(mark);
    if (target_ == nullptr) {
      const std::string_view text = trimmed_line(line);
      if (text.empty() || text.starts_with("--")) return {};
      return wrong("SQL before `-- +goose Up`");
    }
    splitter_.take(line);
    return {};
  }

  Result<void> end() {
    if (splitter_.whole()) return wrong("`-- +goose StatementBegin` without its StatementEnd");
    if (auto closed = close_section(); !closed) return closed;
    return migration_.up.empty() ? wrong("there is no statement after `-- +goose Up`") : Result<void>();
  }

 private:
  Error wrong(const std::string& message) const {
    return invalid(file_, "line " + std::to_string(number_) + ": " + message);
  }

  Result<void> obey(std::string_view mark) {
    if (mark == "Up" || mark == "Down") return begin_section(mark == "Up" ? migration_.up : migration_.down);
    if (mark == "NO TRANSACTION") return {};  // there are none
    if (mark != "StatementBegin" && mark != "StatementEnd") {
      return wrong("`-- +goose " + std::string(mark) +
                   "` is not known; there are Up, Down, StatementBegin, StatementEnd");
    }
    const bool begins = mark == "StatementBegin";
    if (target_ == nullptr || begins == splitter_.whole()) return wrong("`" + std::string(mark) + "` is out of place");
    auto statements = begins ? splitter_.begin_whole() : splitter_.end_whole();
    if (!statements) return wrong(statements.error().message());
    keep(std::move(*statements));
    return {};
  }

  Result<void> begin_section(std::vector<std::string>& section) {
    if (splitter_.whole()) return wrong("`-- +goose StatementBegin` without its StatementEnd");
    if (auto closed = close_section(); !closed) return closed;
    if (!section.empty() || &section == target_) return wrong("this part stands twice");
    if (&section == &migration_.down && migration_.up.empty()) return wrong("`Down` stands before what `Up` does");
    target_ = &section;
    return {};
  }

  Result<void> close_section() {
    if (target_ == nullptr) return {};
    auto statements = splitter_.finish();
    if (!statements) return wrong(statements.error().message());
    keep(std::move(*statements));
    return {};
  }

  void keep(std::vector<std::string> statements) {
    for (std::string& one : statements) target_->push_back(std::move(one));
  }

  std::string_view file_;
  MigrationFile& migration_;
  std::size_t number_ = 0;
  std::vector<std::string>* target_ = nullptr;
  SqlSplitter splitter_;
};

}  // namespace

std::string_view to_string(MigrationStatus::State state) {
  using enum MigrationStatus::State;
  switch (state) {
    case kPending: return "pending";
    case kApplied: return "applied";
    case kChanged: return "changed";
    case kMissing: return "missing";
    case kHalf: return "half";
    case kLate: return "late";
  }
  return "";
}

Result<MigrationFile> parse_migration(std::string_view file_name, std::string_view text) {
  const std::size_t joint = file_name.find('_');
  const auto version = parse_number(file_name.substr(0, joint));
  if (!version || *version == 0 || joint == file_name.npos || !file_name.ends_with(".sql")) {
    return invalid(file_name, "the name is none: expected {timestamp}_{description}.sql");
  }
  MigrationFile migration;
  migration.version = *version;
  migration.name = file_name;
  migration.description = file_name.substr(joint + 1, file_name.size() - joint - 1 - std::string_view(".sql").size());
  migration.checksum = checksum_of(text);
  Reading reading(file_name, migration);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (auto taken = reading.take(text.substr(begin, end - begin)); !taken) return taken.error();
    begin = end + 1;
  }
  if (auto ended = reading.end(); !ended) return ended.error();
  return migration;
}

Result<std::vector<MigrationFile>> read_migrations(const std::string& directory) {
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) return Error(ErrorCode::kNotFound, "directory " + directory + ": " + error.message());
  std::vector<MigrationFile> files;
  for (const auto& entry : entries) {
    if (entry.path().extension() != ".sql") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) return Error(ErrorCode::kUnavailable, entry.path().string() + " cannot be read");
    auto file = parse_migration(entry.path().filename().string(), text.str());
    if (!file) return file.error();
    files.push_back(std::move(*file));
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  const auto twice = std::adjacent_find(files.begin(), files.end(),
                                        [](const auto& a, const auto& b) { return a.version == b.version; });
  if (twice != files.end()) return invalid(twice->name, "another file has the same version: give it a later one");
  return files;
}

}  // namespace leat
