#include "leat/migrations.h"

#include <algorithm>
#include <functional>

#include "clickhouse/migration_lock.h"
#include "clickhouse/migration_log.h"

namespace leat {
namespace {

using State = MigrationStatus::State;
using Records = std::map<std::uint64_t, MigrationRecord>;

std::string named(std::uint64_t version, std::string_view description) {
  return std::to_string(version) + "_" + std::string(description) + ".sql";
}

State state_of(const MigrationRecord* record, const MigrationFile* file, std::uint64_t newest) {
  using enum MigrationRecord::Step;
  if (record != nullptr && record->half()) return State::kHalf;
  if (record == nullptr || record->step == kReverted) {
    return file != nullptr && file->version < newest ? State::kLate : State::kPending;
  }
  if (file == nullptr) return State::kMissing;
  return file->checksum == record->checksum ? State::kApplied : State::kChanged;
}

// Files and records side by side, by version.
std::vector<MigrationStatus> compare(const std::vector<MigrationFile>& files, const Records& records) {
  std::uint64_t newest = 0;
  std::map<std::uint64_t, const MigrationFile*> all;
  for (const auto& [version, record] : records) {
    if (record.step == MigrationRecord::Step::kReverted) continue;
    newest = version;
    all.emplace(version, nullptr);
  }
  for (const MigrationFile& file : files) all[file.version] = &file;
  std::vector<MigrationStatus> list;
  for (const auto& [version, file] : all) {
    const auto found = records.find(version);
    const MigrationRecord* record = found == records.end() ? nullptr : &found->second;
    MigrationStatus status{
        version, file != nullptr ? file->description : record->description, state_of(record, file, newest), {}};
    if (record != nullptr) status.at = record->at;
    list.push_back(std::move(status));
  }
  return list;
}

Result<void> refuse_half(const std::vector<MigrationStatus>& list) {
  for (const MigrationStatus& one : list) {
    if (one.state != State::kHalf) continue;
    const std::string version = std::to_string(one.version);
    return Error(ErrorCode::kConflict, named(one.version, one.description) +
                                           " was begun and not finished: see which of its statements are "
                                           "done, do or undo the rest by hand, then say so: `leat migrate settle " +
                                           version + " --as applied` or `--as pending`");
  }
  return {};
}

Error changed_since(const std::string& name) {
  return {ErrorCode::kConflict,
          name + " was changed after it was applied: take the change back, and put it into a new file"};
}

// What stands in the way of applying more.
Result<void> refuse_drift(const std::vector<MigrationStatus>& list) {
  if (auto whole = refuse_half(list); !whole) return whole;
  for (const MigrationStatus& one : list) {
    const std::string name = named(one.version, one.description);
    if (one.state == State::kChanged) return changed_since(name);
    if (one.state == State::kMissing) {
      return Error(ErrorCode::kConflict, name + " is applied, and its file is gone: bring it back");
    }
    if (one.state == State::kLate) {
      return Error(ErrorCode::kConflict, name +
                                             " is not applied, and a newer one is: give it a newer timestamp, or take "
                                             "the newer ones back first");
    }
  }
  return {};
}

// One run of up() or down(), under the lock.
class Run {
 public:
  Run(ClickHouse& engine, const std::vector<MigrationFile>& files, const MigrationsOptions& options)
      : engine_(engine),
        files_(files),
        options_(options),
        clock_(options.clock != nullptr ? *options.clock : real_clock()),
        log_to_(options.log != nullptr ? *options.log : no_log()),
        log_(engine, clock_) {}

  // False when `stop` came before the lock, or before it has read what is applied.
  Result<bool> begin(const std::stop_token& stop) {
    auto lock = MigrationLock::acquire(engine_, {options_.lock_wait, options_.lock_ttl, clock_, log_to_}, stop);
    if (!lock) return lock.error();
    if (!*lock) return false;
    lock_ = std::move(*lock);
    auto records = log_.read(stop);
    if (stop.stop_requested()) return false;
    if (!records) return records.error();
    records_ = std::move(*records);
    return true;
  }

  std::vector<MigrationStatus> list() const { return compare(files_, records_); }
  const MigrationFile* file(std::uint64_t version) const {
    const auto found =
        std::find_if(files_.begin(), files_.end(), [&](const auto& one) { return one.version == version; });
    return found == files_.end() ? nullptr : &*found;
  }
  const MigrationRecord& record(std::uint64_t version) const { return records_.at(version); }

  Result<void> apply(const MigrationFile& migration) {
    using enum MigrationRecord::Step;
    return perform(migration, migration.up, kUpBegun, kApplied);
  }
  Result<void> take_back(const MigrationFile& migration) {
    using enum MigrationRecord::Step;
    return perform(migration, migration.down, kDownBegun, kReverted);
  }
  Result<void> put(const MigrationRecord& one) { return log_.put(one); }

 private:
  Result<void> perform(const MigrationFile& migration, const std::vector<std::string>& statements,
                       MigrationRecord::Step begun, MigrationRecord::Step ended) {
    MigrationRecord mark{migration.version, migration.description, migration.checksum, begun, {}};
    if (auto held = lock_->check(); !held) return held;
    if (auto put = log_.put(mark); !put) return put;
    for (std::size_t i = 0; i < statements.size(); ++i) {
      auto held = lock_->check();
      auto done = held ? engine_.execute(statements[i], {.timeout = options_.timeout}) : held;
      if (done) continue;
      // Nothing of the file was done when its first statement was refused: it is as before.
      const ErrorCode code = done.error().code();
      const bool untouched = i == 0 && held && code != ErrorCode::kUnknown && code != ErrorCode::kUnavailable;
      mark.step =
          begun == MigrationRecord::Step::kUpBegun ? MigrationRecord::Step::kReverted : MigrationRecord::Step::kApplied;
      if (untouched) static_cast<void>(log_.put(mark));
      return done.error().with_context(migration.name + ", statement " + std::to_string(i + 1) + " of " +
                                       std::to_string(statements.size()));
    }
    mark.step = ended;
    return log_.put(mark);
  }

  ClickHouse& engine_;
  const std::vector<MigrationFile>& files_;
  const MigrationsOptions& options_;
  Clock& clock_;
  Log& log_to_;
  MigrationLog log_;
  std::unique_ptr<MigrationLock> lock_;
  Records records_;
};

// The file that takes this one back, or why it cannot be.
Result<const MigrationFile*> reversible(const Run& run, const MigrationStatus& status) {
  const MigrationFile* file = run.file(status.version);
  const std::string name = named(status.version, status.description);
  if (file == nullptr) return Error(ErrorCode::kNotFound, name + " is gone: bring it back, to take it back");
  if (status.state == State::kChanged) return changed_since(name);
  if (file->down.empty()) {
    return Error(ErrorCode::kInvalidArgument, name + " has no `-- +goose Down` part: it cannot be taken back");
  }
  return file;
}

}  // namespace

Migrations::Migrations(ClickHouse& engine, std::vector<MigrationFile> files, MigrationsOptions options)
    : engine_(engine), files_(std::move(files)), options_(options) {}

Result<std::vector<std::uint64_t>> Migrations::up(std::optional<std::uint64_t> to, std::stop_token stop) {
  Run run(engine_, files_, options_);
  if (to && run.file(*to) == nullptr) {
    return Error(ErrorCode::kNotFound, "no file has the version " + std::to_string(*to));
  }
  const auto begun = run.begin(stop);
  if (!begun) return begun.error();
  if (!*begun) return std::vector<std::uint64_t>();
  const auto list = run.list();
  if (auto clean = refuse_drift(list); !clean) return clean.error();
  std::vector<std::uint64_t> applied;
  for (const MigrationStatus& one : list) {
    if (one.state != State::kPending || (to && one.version > *to) || stop.stop_requested()) continue;
    if (auto done = run.apply(*run.file(one.version)); !done) return done.error();
    applied.push_back(one.version);
  }
  return applied;
}

Result<std::vector<std::uint64_t>> Migrations::down(std::optional<std::uint64_t> to, std::stop_token stop) {
  Run run(engine_, files_, options_);
  const auto begun = run.begin(stop);
  if (!begun) return begun.error();
  if (!*begun) return std::vector<std::uint64_t>();
  auto list = run.list();
  if (auto whole = refuse_half(list); !whole) return whole.error();
  std::erase_if(list, [&](const MigrationStatus& one) {
    const bool applied = one.state == State::kApplied || one.state == State::kChanged || one.state == State::kMissing;
    return !applied || (to && one.version <= *to);
  });
  std::reverse(list.begin(), list.end());
  if (!to && list.size() > 1) list.resize(1);
  for (const MigrationStatus& one : list) {
    if (auto file = reversible(run, one); !file) return file.error();
  }
  std::vector<std::uint64_t> reverted;
  for (const MigrationStatus& one : list) {
    if (stop.stop_requested()) break;
    if (auto done = run.take_back(*run.file(one.version)); !done) return done.error();
    reverted.push_back(one.version);
  }
  return reverted;
}

Result<std::vector<MigrationStatus>> Migrations::status(std::stop_token stop) {
  MigrationLog log(engine_, options_.clock != nullptr ? *options_.clock : real_clock());
  const auto records = log.read(stop);
  if (!records) return records.error();
  return compare(files_, *records);
}

Result<void> Migrations::settle(std::uint64_t version, Settled as) {
  Run run(engine_, files_, options_);
  if (const auto begun = run.begin({}); !begun) return begun.error();
  for (const MigrationStatus& one : run.list()) {
    if (one.version != version || one.state != State::kHalf) continue;
    MigrationRecord record = run.record(version);
    record.step = as == Settled::kApplied ? MigrationRecord::Step::kApplied : MigrationRecord::Step::kReverted;
    return run.put(record);
  }
  return Error(ErrorCode::kNotFound, std::to_string(version) + " is not applied by half: there is nothing to settle");
}

}  // namespace leat
