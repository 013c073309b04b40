// Messages that become rows: JSON by name and path, with what the message itself has.
#include <leat/row_mapping.h>

#include <iostream>

leat::StoredMessage message_of(std::string payload) {
  leat::StoredMessage message;
  message.subject = "readings.berlin.7";
  message.payload = std::move(payload);
  message.sequence = 42;
  return message;
}

int main() {
  leat::TableDescription table{"readings", {}, "MergeTree"};  // leat::describe_table() asks a server for it
  for (const auto& [name, type] :
       {std::pair{"id", "UInt64"}, {"city", "LowCardinality(String)"}, {"room", "String"}, {"celsius", "Float32"}}) {
    table.columns.push_back({name, leat::parse_column_type(type).value()});
  }

  const auto mapping = leat::map_json(table, {.columns = {{"id", "$sequence"},                // of the message
                                                          {"city", "$subject.1"},             // its second token
                                                          {"celsius", "sensors.0.celsius"}},  // into the payload
                                              .others = leat::MappingOptions::Others::kByName})
                           .value();
  leat::RowBatch batch;
  mapping.encode(batch, message_of(R"({"room":"attic","sensors":[{"celsius":21.5}]})")).value();
  std::cout << batch.size() << " row of " << batch.bytes() << " bytes\n";

  for (const char* payload : {"hello", R"({"room":"attic","sensors":[]})", R"({"room":7,"sensors":[{"celsius":1}]})"}) {
    std::cout << mapping.encode(batch, message_of(payload)).error().message() << '\n';
  }
  const auto misspelt = leat::map_json(table, {.columns = {{"celcius", "sensors.0.celsius"}}});
  std::cout << misspelt.error().message() << '\n';
}
