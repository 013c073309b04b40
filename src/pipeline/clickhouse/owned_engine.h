// An engine that sends an insert only while its pipeline is owned, and counts what is sent.
//
// A program that was stopped for a while (SIGSTOP, a machine that slept) wakes up between its record and its insert and
// knows by its own clock that somebody else may own the pipeline by now.
#pragma once

#include <atomic>

#include "broker/leader_lock.h"
#include "leat/clickhouse.h"

namespace leat {

// Thread-safe. Both must outlive it.
class OwnedEngine : public ClickHouse {
 public:
  OwnedEngine(ClickHouse& engine, const LeaderLock& lock) : engine_(engine), lock_(lock) {}

  std::uint64_t inserts() const { return inserts_; }

  const ClickHouseFacts& facts() const override { return engine_.facts(); }
  Result<void> execute(std::string_view sql, const QueryOptions& options) override {
    return engine_.execute(sql, options);
  }
  Result<std::string> query(std::string_view sql, const QueryOptions& options) override {
    return engine_.query(sql, options);
  }
  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    if (!lock_.is_held()) return InsertAnswer{InsertAnswer::Verdict::kStopped, 0, ""};
    ++inserts_;
    return engine_.insert(request, std::move(stop));
  }
  Result<bool> is_running(std::string_view query_id) override { return engine_.is_running(query_id); }

 private:
  ClickHouse& engine_;
  const LeaderLock& lock_;
  std::atomic<std::uint64_t> inserts_{0};
};

}  // namespace leat
