// A bucket of small records with revisions: every write has a number, and a write can demand that nothing came between.
//
// A revision is a number of the whole bucket, it only grows, and is never used twice: it serves as a fencing token.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clock.h"
#include "leat/result.h"
#include "leat/settings.h"

namespace leat {

struct BucketConfig {
  std::string name;       // letters, digits, `_` and `-`
  Duration ttl{0};        // a record is gone this long after its last write; 0: kept for ever
  unsigned replicas = 1;  // 1 to 5; brokers on one machine ignore it, and
  Storage storage = Storage::kFile;
};

struct KeyEntry {
  std::string key;
  std::string value;
  std::uint64_t revision = 0;
  SystemTime time{};    // of the write
  bool erased = false;  // watches only: the record was erased (its value is empty)
};

struct KeyWrite {
  enum class Kind {
    kPut,     // whatever is there
    kCreate,  // only if no record is there
    kUpdate,  // only if `revision` is the last write of this key
    kErase,   // removes the record; with a `revision`, only if that is its last write
  };
  Kind kind = Kind::kPut;
  std::string key;    // tokens of letters, digits, `_`, `-`, `=`, `/`, joined by dots; 1 to 1,000 bytes
  std::string value;  // kErase: ignored
  std::uint64_t revision = 0;
};

// Follows a bucket. Not thread-safe: one thread at a time. Must end before its KeyValue.
class KeyWatch {
 public:
  virtual ~KeyWatch() = default;

  // The first calls return what is there (in the order of revisions, nothing erased), later ones what changes; of
  // several quick changes of one key the earlier ones may be left out. A record that ends by its ttl is not reported.
  // Waits up to `max_wait`; empty when nothing came or `stop` is requested. Errors: kUnavailable (safe to call again;
  // nothing is missed), kNotFound (the bucket is gone).
  virtual Result<std::vector<KeyEntry>> next(std::chrono::milliseconds max_wait, std::stop_token stop) = 0;

  // True once everything that was there when the watch began has been returned.
  virtual bool caught_up() const = 0;
};

// Thread-safe. Lifetime: the Broker that opened it must outlive it.
class KeyValue {
 public:
  virtual ~KeyValue() = default;

  // One result per key, in order; empty when there is no record. Errors: kUnavailable, kInvalidArgument (key).
  virtual std::vector<Result<std::optional<KeyEntry>>> read(std::span<const std::string> keys) = 0;

  // Writes in order, each on its own (no transaction over them), pipelined. The new revision of each; for kErase any
  // number. Errors: kConflict (kCreate: a record is there; kUpdate, kErase: another revision is), kUnavailable,
  // kUnknown, kInvalidArgument (key, value too large), kFull. Erasing what is not there is ok without a revision.
  virtual std::vector<Result<std::uint64_t>> write(std::span<const KeyWrite> writes) = 0;

  // Records whose key is `prefix`, or begins with `prefix` and a dot; "" is all. Ordered by key.
  virtual Result<std::vector<KeyEntry>> list(std::string_view prefix) = 0;

  // Follows the same selection.
  virtual Result<std::unique_ptr<KeyWatch>> watch(std::string_view prefix) = 0;

  // What the bucket had otherwise than was asked for when it was opened here.
  virtual const std::vector<Drift>& drift() const = 0;

  // The same for one record.
  Result<std::optional<KeyEntry>> get(std::string key);
  Result<std::uint64_t> put(std::string key, std::string value);
  Result<std::uint64_t> create(std::string key, std::string value);
  Result<std::uint64_t> update(std::string key, std::string value, std::uint64_t revision);
  Result<void> erase(std::string key, std::uint64_t revision = 0);
};

}  // namespace leat
