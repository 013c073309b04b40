#include "clickhouse/chdb_library.h"

#include <dlfcn.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "core/mutex.h"

namespace leat {
namespace {

constexpr const char* kFile = "libchdb.so";
constexpr const char* kPackage = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";

#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// Under the working directory or its build folder; beside the program, or one or two folders up.
std::string find_package() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<std::filesystem::path> folders{".", "build"};
  if (!error) folders.insert(folders.end(), {program, program.parent_path(), program.parent_path().parent_path()});
  for (const auto& folder : folders) {
    const auto file = folder / kPackage;
    if (std::filesystem::exists(file, error)) return std::filesystem::absolute(file, error).string();
  }
  return kFile;  // the system's
}

// The engine sets these to their defaults when it is told to leave signals alone.
class SignalKeeper {
 public:
  SignalKeeper() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &before_[i]);
  }
  ~SignalKeeper() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  SignalKeeper(const SignalKeeper&) = delete;
  SignalKeeper& operator=(const SignalKeeper&) = delete;

 private:
  static constexpr std::array kSignals{SIGABRT, SIGSEGV, SIGILL, SIGBUS, SIGSYS, SIGFPE, SIGTSTP, SIGTRAP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

template <class Function>
bool find(void* library, const char* name, Function& out) {
  out = reinterpret_cast<Function>(dlsym(library, name));
  return out != nullptr;
}

}  // namespace

Result<const ChdbLibrary*> ChdbLibrary::load(const std::string& path) {
  static Mutex mutex;
  static std::unique_ptr<ChdbLibrary> loaded;
  MutexLock lock(mutex);
  if (loaded) return loaded.get();
  auto library = load_from(path.empty() ? find_package() : path);
  if (!library) return library.error();
  loaded = std::move(*library);
  return loaded.get();
}

Result<std::unique_ptr<ChdbLibrary>> ChdbLibrary::load_from(const std::string& path) {
  std::error_code ignored;
  const bool there = std::filesystem::exists(path, ignored);
  if (kSanitized && (there || path == kFile)) {
    return Error(ErrorCode::kNotFound, "libchdb does not run in a program with sanitizers: use a server");
  }
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* why = dlerror();
    if (there) return Error(ErrorCode::kUnavailable, path + " cannot be loaded: " + std::string(why));
    return Error(ErrorCode::kNotFound, std::string("there is no ") + path +
                                           ", ClickHouse's engine as a library: `npm install "
                                           "@chdb/lib-linux-x64-gnu` puts it under ./node_modules");
  }
  auto made = std::make_unique<ChdbLibrary>();
  const bool whole = find(library, "chdb_connect", made->connect_) && find(library, "chdb_close_conn", made->close_) &&
                     find(library, "chdb_query_n", made->query_) && find(library, "chdb_result_error", made->error_) &&
                     find(library, "chdb_result_buffer", made->buffer_) &&
                     find(library, "chdb_result_length", made->length_) &&
                     find(library, "chdb_destroy_query_result", made->destroy_);
  if (!whole) return Error(ErrorCode::kUnavailable, path + " is too old: libchdb 26 or later is needed");
  const SignalKeeper keeper;
  if (find(library, "chdb_set_signal_handlers_enabled", made->set_signal_handlers_)) made->set_signal_handlers_(0);
  return made;
}

std::unique_ptr<ChdbLibrary::Session> ChdbLibrary::open(const std::string& directory) const {
  const SignalKeeper keeper;
  std::string program = "clickhouse";
  std::string path = "--path=" + directory;
  std::array arguments{program.data(), path.data()};
  const Handle handle = connect_(static_cast<int>(arguments.size()), arguments.data());
  if (handle == nullptr || *handle == nullptr) return nullptr;
  return std::make_unique<Session>(*this, handle);
}

ChdbLibrary::Session::~Session() {
  library_.close_(handle_);
}

ChdbLibrary::Answer ChdbLibrary::Session::ask(std::string_view sql) const {
  constexpr std::string_view kFormat = "TabSeparated";  // unless the query names one
  Outcome* outcome = library_.query_(*handle_, sql.data(), sql.size(), kFormat.data(), kFormat.size());
  if (outcome == nullptr) return {"", "the engine gave no answer"};
  Answer answer;
  if (const char* error = library_.error_(outcome); error != nullptr && *error != '\0') answer.error = error;
  const char* bytes = library_.buffer_(outcome);
  if (!answer.error && bytes != nullptr) answer.bytes.assign(bytes, library_.length_(outcome));
  library_.destroy_(outcome);
  return answer;
}

}  // namespace leat
