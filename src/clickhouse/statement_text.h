// Pieces of SQL that both engines share.
#pragma once

#include <string>
#include <string_view>

#include "leat/clickhouse.h"

namespace leat {

// "INSERT INTO db.t (a, b) FORMAT RowBinary"; kInvalidArgument when the table's name is none.
Result<std::string> insert_statement(const InsertRequest& request);

// What the request asks for, with the token and what every insert needs: an ok that means stored. kInvalidArgument when
// there is a token and the engine knows none.
Result<ClickHouseSettings> insert_settings(const InsertRequest& request, const ClickHouseFacts& facts);

// "`db`.`t`"; kInvalidArgument when it is no name of a table.
Result<std::string> quoted_table(std::string_view table);

// "26.5.1.1" into version, major and minor.
void fill_version(ClickHouseFacts& facts, const std::string& version);

}  // namespace leat
