// What a service that writes a stream into ClickHouse does before its work: phases, which its log names.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "core/mutex.h"
#include "leat/broker.h"
#include "leat/clickhouse.h"
#include "leat/migrations.h"
#include "leat/runner.h"

namespace leat::cli {

// Each phase returns an error with the phase's name in front. Once `stop` is requested none begins, and a connection
// that fails is no error: so ask `stop` before using what the phases were to make. For one thread, but broker_check().
class ServicePhases {
 public:
  using Body = std::function<Result<void>()>;
  using OpenBroker = std::function<Result<Broker*>()>;
  using ReadFiles = std::function<Result<std::vector<MigrationFile>>()>;

  explicit ServicePhases(Log& log) : log_(log) {}

  // `told` is the line of the log; its first field is the phase's name.
  Result<void> run(std::initializer_list<LogField> told, const std::stop_token& stop, const Body& body);

  Result<void> open_engine(const std::string& url, const std::string& library, const std::stop_token& stop);
  Result<void> migrate(const ReadFiles& files, const std::stop_token& stop);
  // The broker, and the stream if it has subjects; a stream that is there stays as it is, which the log tells.
  Result<void> open_stream(const OpenBroker& open, const StreamConfig& stream, const std::stop_token& stop);

  ClickHouse& engine() { return *engine_; }
  Broker& broker() { return *broker_; }

  // For Runner::ready_check(), on any thread: does the broker answer, once there is one?
  Result<void> broker_check() LEAT_EXCLUDES(mutex_);

 private:
  Result<void> ensure(const StreamConfig& stream);

  Log& log_;
  std::unique_ptr<ClickHouse> engine_;
  Broker* broker_ = nullptr;
  Mutex mutex_;
  Runner::Check broker_answers_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat::cli
