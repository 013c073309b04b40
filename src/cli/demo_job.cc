#include "cli/demo_job.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <sstream>

namespace leat::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kSmall = 4 * 1024;
constexpr std::uintmax_t kLarge = 16 * 1024;
constexpr std::size_t kFailEvery = 50;
constexpr int kMissingFiles = 5;

std::string to_hex(const unsigned char* bytes, unsigned count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4U];
    text += kDigits[bytes[i] & 0xfU];
  }
  return text;
}

Error unreadable(const std::string& path) {
  return {ErrorCode::kUnavailable, "cannot read " + path};
}

PlannedJob plan_file(const fs::directory_entry& file, std::size_t number) {
  std::error_code ignored;
  const std::uintmax_t size = file.file_size(ignored);
  const std::string extension = file.path().extension().string();
  const bool header = extension == ".h" || extension == ".hpp" || extension == ".hh";
  PlannedJob planned{.job = {.path = file.path().string()}, .queue = header ? kDemoHeaders : kDemoOthers};
  planned.priority = size < kSmall ? Priority::kHigh : size < kLarge ? Priority::kMedium : Priority::kLow;
  if (number % kFailEvery == kFailEvery - 1) planned.job.fail_first = 1 + number / kFailEvery % 2;
  return planned;
}

std::vector<fs::directory_entry> readable_files(const fs::path& directory, std::error_code& failed) {
  std::vector<fs::directory_entry> files;
  constexpr auto kSkip = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(directory, kSkip, failed); !failed && at != fs::end(at);
       at.increment(failed)) {
    std::error_code gone;
    const bool regular = at->symlink_status(gone).type() == fs::file_type::regular;
    if (regular && access(at->path().c_str(), R_OK) == 0) files.push_back(*at);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<FileFacts> read_file_facts(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!file || !digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) return unreadable(path);
  FileFacts facts;
  std::array<char, 64 * 1024> piece{};
  while (file) {
    file.read(piece.data(), piece.size());
    const auto count = static_cast<std::size_t>(file.gcount());
    EVP_DigestUpdate(digest.get(), piece.data(), count);
    facts.size += count;
    facts.lines +=
        static_cast<std::uint64_t>(std::count(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count), '\n'));
  }
  if (file.bad()) return unreadable(path);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned count = 0;
  EVP_DigestFinal_ex(digest.get(), bytes.data(), &count);
  facts.sha256 = to_hex(bytes.data(), count);
  return facts;
}

Result<FileFacts> compute_directly(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream all;
  if (!file) return unreadable(path);
  if (file.peek() != std::ifstream::traits_type::eof()) all << file.rdbuf();
  const std::string text = std::move(all).str();
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned count = 0;
  EVP_Digest(text.data(), text.size(), bytes.data(), &count, EVP_sha256(), nullptr);
  return FileFacts{.sha256 = to_hex(bytes.data(), count),
                   .size = text.size(),
                   .lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'))};
}

Result<std::vector<PlannedJob>> plan_demo(const fs::path& directory, std::size_t limit) {
  std::error_code failed;
  std::vector<fs::directory_entry> files = readable_files(directory, failed);
  if (failed)
    return Error(ErrorCode::kNotFound,
                 "cannot list " + directory.string() + ": " + failed.message() + ": name a directory with files in it");
  if (files.empty())
    return Error(ErrorCode::kNotFound, "no readable file is under " + directory.string() + ": name another directory");
  files.resize(std::min(files.size(), limit));
  std::vector<PlannedJob> plan;
  for (const fs::directory_entry& file : files) plan.push_back(plan_file(file, plan.size()));
  for (int i = 1; i <= kMissingFiles; ++i) {
    plan.push_back({.job = {.path = (directory / ("no-such-file-" + std::to_string(i))).string()},
                    .queue = kDemoOthers,
                    .will_die = true});
  }
  return plan;
}

}  // namespace leat::cli
