// An engine that passes everything on: a test overrides what it wants to disturb or to see.
#pragma once

#include "leat/clickhouse.h"

namespace leat::test {

class ForwardingEngine : public ClickHouse {
 public:
  explicit ForwardingEngine(ClickHouse& inner) : inner_(inner) {}

  const ClickHouseFacts& facts() const override { return inner_.facts(); }
  Result<void> execute(std::string_view sql, const QueryOptions& options) override {
    return inner_.execute(sql, options);
  }
  Result<std::string> query(std::string_view sql, const QueryOptions& options) override {
    return inner_.query(sql, options);
  }
  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    return inner_.insert(request, std::move(stop));
  }
  Result<bool> is_running(std::string_view query_id) override { return inner_.is_running(query_id); }

 private:
  ClickHouse& inner_;
};

}  // namespace leat::test
