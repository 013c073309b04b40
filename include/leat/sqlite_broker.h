// A broker in one SQLite file: no server, durable, shared by all processes of a machine that open it.
#pragma once

#include <memory>
#include <string>

#include "leat/broker.h"
#include "leat/log.h"

namespace leat {

struct SqliteOptions {
  // kFull: an ok survives a power cut. kNormal: an ok survives a crash of the process, and the file stays sound after a
  // power cut, but what was stored last may be gone.
  enum class Sync { kFull, kNormal } sync = Sync::kFull;
  bool create = true;      // a missing file is created; else it is refused with kNotFound
  Clock* clock = nullptr;  // borrowed; the machine's clock unless given
  Log* log = nullptr;      // borrowed; nothing is logged unless given
};

// Opens the file, and creates it when it is missing, unless told otherwise. Three files stand beside it: `-wal` and
// `-shm` belong to SQLite, `-wake` carries the wake-ups between processes. The directory must be on a local file
// system. A process must not fork while it has the file open and go on using it in the child. Errors: kInvalidArgument
// (the path), kNotFound (its directory, or the file itself), kDenied (permissions), kCorrupt (damaged, of another
// program or of a newer leat; the message says what to do), kUnavailable (another process keeps it locked), kFull.
Result<std::unique_ptr<Broker>> open_sqlite_broker(const std::string& path, const SqliteOptions& options = {});

}  // namespace leat
