#include "leat/batch_writer.h"

#include "clickhouse/insert_run.h"

namespace leat {

BatchWriter::BatchWriter(ClickHouse& engine, RowEncoder encoder, BatchWriterOptions options)
    : engine_(engine), encoder_(std::move(encoder)), options_(std::move(options)) {}

Result<std::optional<WriteReport>> BatchWriter::write(const RowBatch& batch, const WriteOptions& options,
                                                      std::stop_token stop) const {
  return InsertRun(engine_, encoder_, options_, batch, options, std::move(stop)).run();
}

}  // namespace leat
