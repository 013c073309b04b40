#include "broker/sqlite/wake.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <functional>

namespace leat::sqlite {
namespace {

constexpr Duration kTurn = std::chrono::milliseconds(1);
// Who waits for the lock says so again at least every turn; an older mark is that of a process that died.
constexpr Duration kContentionFades = std::chrono::milliseconds(5);

static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

std::uint32_t* address_of(std::atomic<std::uint32_t>& word) {
  return reinterpret_cast<std::uint32_t*>(&word);
}

int with_scope(int operation, FutexScope scope) {
  return scope == FutexScope::kProcess ? operation | FUTEX_PRIVATE_FLAG : operation;
}

Error failed(const std::string& path) {
  const ErrorCode code = errno == EACCES || errno == EPERM || errno == EROFS ? ErrorCode::kDenied
                         : errno == ENOSPC || errno == EDQUOT                ? ErrorCode::kFull
                                                                             : ErrorCode::kUnavailable;
  const std::string remedy = code == ErrorCode::kFull ? "make room on the disk, then try again"
                                                      : "let this user read and write it, and write in its directory";
  return {code, "wake-up file \"" + path + "\": " + std::strerror(errno) + ": " + remedy};
}

// As SQLite does with its own files: whoever may write the database may write what stands beside it. Only root can give
// the file another owner; where that fails it stays ours.
void adopt_rights(int file, const std::string& database) {
  struct stat wanted {};
  if (stat(database.c_str(), &wanted) != 0) return;
  if (geteuid() == 0 && fchown(file, wanted.st_uid, wanted.st_gid) != 0) return;
  static_cast<void>(fchmod(file, wanted.st_mode & ACCESSPERMS));
}

// The rights of a file that is there are left alone: it may be a link to any other.
int open_or_create(const std::string& path, const std::string& database) {
  const int created = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (created >= 0) adopt_rights(created, database);
  return created < 0 && errno == EEXIST ? open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644) : created;
}

}  // namespace

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, SteadyTime deadline, FutexScope scope) {
  const auto since_boot = deadline.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  const timespec until{.tv_sec = seconds.count(), .tv_nsec = (since_boot - seconds).count()};
  syscall(SYS_futex, address_of(word), with_scope(FUTEX_WAIT_BITSET, scope), seen,
          deadline == SteadyTime::max() ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void futex_wake(std::atomic<std::uint32_t>& word, int count, FutexScope scope) {
  syscall(SYS_futex, address_of(word), with_scope(FUTEX_WAKE, scope), count, nullptr, nullptr, 0);
}

Wake::~Wake() {
  if (shared_ != nullptr) munmap(shared_, sizeof(Shared));
}

Result<void> Wake::open(const std::string& database) {
  const std::string path = database + "-wake";
  const int file = open_or_create(path, database);
  if (file < 0) return failed(path);
  // Allocated, not only sized: a write to a hole on a full disk would end the process.
  void* mapped = MAP_FAILED;
  if (const int result = posix_fallocate(file, 0, sizeof(Shared)); result != 0) {
    errno = result;
  } else {
    mapped = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  const Error error = failed(path);
  close(file);
  if (mapped == MAP_FAILED) return error;
  shared_ = static_cast<Shared*>(mapped);
  return {};
}

std::size_t Wake::topic_of(std::string_view kind, std::string_view name) {
  constexpr std::uint32_t kOffset = 2'166'136'261;  // FNV-1a: the same in every process
  constexpr std::uint32_t kPrime = 16'777'619;
  std::uint32_t hash = kOffset;
  for (const std::string_view part : {kind, name}) {
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  }
  return (hash ^ (hash >> 16)) % kTopics;
}

std::uint32_t Wake::version(std::size_t topic) const {
  return shared_->topics[topic].version.load();
}

void Wake::bump(std::size_t topic) {
  Topic& at = shared_->topics[topic];
  at.version.fetch_add(1);
  if (at.waiters.load() > 0) futex_wake(at.version, INT_MAX, FutexScope::kShared);
}

void Wake::wait(std::size_t topic, std::uint32_t seen, SteadyTime deadline, const std::stop_token& stop) {
  Topic& at = shared_->topics[topic];
  at.waiters.fetch_add(1);
  {
    const std::stop_callback on_stop(stop, [this, topic] { bump(topic); });
    if (!stop.stop_requested()) futex_wait(at.version, seen, deadline, FutexScope::kShared);
  }
  at.waiters.fetch_sub(1);
}

bool Wake::is_contended() const {
  const std::int64_t now = real_clock().steady().time_since_epoch().count();
  const std::int64_t at = shared_->turns.contended_at.load();
  return at != 0 && at <= now && now - at < kContentionFades.count();
}

void Wake::wait_for_release() {
  const SteadyTime now = real_clock().steady();
  if (shared_ == nullptr) {
    std::atomic<std::uint32_t> nobody{0};
    return futex_wait(nobody, 0, now + kTurn, FutexScope::kProcess);
  }
  Turns& turns = shared_->turns;
  const std::uint32_t seen = turns.released.load();
  turns.contended_at.store(now.time_since_epoch().count());
  futex_wait(turns.released, seen, now + kTurn, FutexScope::kShared);
}

void Wake::release() {
  Turns& turns = shared_->turns;
  must_yield_ = is_contended();
  taken_seen_ = turns.taken.load();
  turns.released.fetch_add(1);
  if (must_yield_) futex_wake(turns.released, 1, FutexScope::kShared);
}

void Wake::yield_turn() {
  if (!must_yield_) return;
  must_yield_ = false;
  futex_wait(shared_->turns.taken, taken_seen_, real_clock().steady() + kTurn, FutexScope::kShared);
}

void Wake::take_turn() {
  Turns& turns = shared_->turns;
  turns.taken.fetch_add(1);
  if (is_contended()) futex_wake(turns.taken, INT_MAX, FutexScope::kShared);
}

}  // namespace leat::sqlite
