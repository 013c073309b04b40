#include "pipeline/clickhouse/range_record.h"

#include <nlohmann/json.hpp>

namespace leat {
namespace {

constexpr int kVersion = 1;

nlohmann::json to_json(const RangeInHand& range) {
  nlohmann::json json{{"first", range.first},
                      {"last", range.last},
                      {"messages", range.messages},
                      {"filter", range.filter},
                      {"mapping", range.mapping}};
  if (range.progress.refused.empty()) return json;
  json["settled"] = range.progress.settled;
  auto& refused = json["refused"] = nlohmann::json::array();
  for (const RowRange& part : range.progress.refused) refused.push_back({part.begin, part.end});
  json["refused_in_a_row"] = range.progress.refused_in_a_row;
  json["code"] = range.progress.code;
  return json;
}

RangeInHand range_of(const nlohmann::json& json) {
  RangeInHand range{.first = json.at("first"),
                    .last = json.at("last"),
                    .messages = json.at("messages"),
                    .filter = json.at("filter"),
                    .mapping = json.at("mapping")};
  const auto refused = json.find("refused");
  if (refused == json.end()) return range;
  range.progress.settled = json.at("settled");
  range.progress.refused_in_a_row = json.value("refused_in_a_row", std::size_t{0});
  range.progress.code = json.value("code", 0);
  for (const auto& part : *refused) range.progress.refused.push_back({part.at(0), part.at(1)});
  return range;
}

bool is_sound(const RangeRecord& record) {
  if (!record.in_hand) return true;
  const RangeInHand& range = *record.in_hand;
  return range.first == record.done + 1 && range.last >= range.first && range.messages <= range.last - record.done;
}

}  // namespace

std::string to_text(const RangeRecord& record) {
  nlohmann::json json{
      {"version", kVersion},   {"stream", record.stream}, {"created", record.created.time_since_epoch().count()},
      {"epoch", record.epoch}, {"done", record.done},     {"owner", record.owner}};
  if (record.in_hand) json["range"] = to_json(*record.in_hand);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<RangeRecord> parse_range_record(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return Error(ErrorCode::kCorrupt, "the pipeline's record cannot be read: " + std::string(why));
  };
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("version") != kVersion) return bad("it is of another version");
    RangeRecord record{.stream = json.at("stream"),
                       .created = SystemTime(Duration(json.at("created").get<Duration::rep>())),
                       .epoch = json.at("epoch"),
                       .done = json.at("done"),
                       .owner = json.at("owner")};
    if (const auto range = json.find("range"); range != json.end()) record.in_hand = range_of(*range);
    if (!is_sound(record)) return bad("its range does not follow what is done");
    return record;
  } catch (const nlohmann::json::exception& error) {
    return bad(error.what());
  }
}

std::string range_name(std::string_view pipeline, const RangeRecord& record, const RangeInHand& range) {
  return "leat/" + std::string(pipeline) + "/" + record.stream + "/" +
         std::to_string(record.created.time_since_epoch().count()) + "." + std::to_string(record.epoch) + "/" +
         std::to_string(range.first) + "-" + std::to_string(range.last);
}

}  // namespace leat
