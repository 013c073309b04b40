// Protobuf payloads: of a described type, and envelopes.
#include <google/protobuf/arena.h>

#include <limits>
#include <memory>
#include <vector>

#include "leat/processed_envelope.pb.h"
#include "pipeline/clickhouse/column_plan.h"
#include "pipeline/clickhouse/field_path.h"
#include "pipeline/clickhouse/message_types.h"

namespace leat {

namespace pb = google::protobuf;

namespace {

struct ProtobufPlan {
  std::shared_ptr<const MessageTypes> types;  // empty for a type of this program
  const pb::Message* prototype = nullptr;
  ColumnPlan columns;
  std::vector<std::optional<FieldPath>> paths{};  // one for each column; empty for `$` sources
  RowEncoder::Missing missing = RowEncoder::Missing::kRefused;
};

Result<void> parse(const pb::Message& prototype, std::string_view payload, pb::Message& message) {
  const std::string& name = prototype.GetDescriptor()->full_name();
  const auto refused = [&](const std::string& what) { return Error(ErrorCode::kInvalidArgument, what); };
  if (payload.size() > std::numeric_limits<int>::max() ||
      !message.ParsePartialFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return refused("the payload is no " + name);
  }
  if (!message.IsInitialized()) {
    return refused("the payload lacks required fields of " + name + ": " + message.InitializationErrorString());
  }
  // Other bytes are often read as fields that nobody knows.
  const auto* reflection = message.GetReflection();
  if (reflection->GetUnknownFields(message).empty()) return {};
  std::vector<const pb::FieldDescriptor*> present;
  reflection->ListFields(message, &present);
  if (present.empty()) return refused("the payload is no " + name + ": it has none of its fields, but others");
  return {};
}

Result<void> encode_message(RowBatch& batch, const ProtobufPlan& plan, const StoredMessage& stored) {
  constexpr std::size_t kOrdinaryMessage = 4096;
  alignas(std::max_align_t) char space[kOrdinaryMessage];
  pb::Arena arena(space, sizeof(space));
  pb::Message& message = *plan.prototype->New(&arena);
  if (auto parsed = parse(*plan.prototype, stored.payload, message); !parsed) return parsed;
  return append_row(batch, plan.columns, plan.missing, [&](std::string& row, std::size_t i) {
    const ColumnType& type = plan.columns.encoder.columns()[i].type;
    if (!plan.paths[i]) return put_source(row, type, plan.columns.sources[i], stored);
    return plan.paths[i]->put(row, type, message, plan.missing);
  });
}

Result<std::optional<ColumnSource>> field_by_name(const pb::Descriptor& type, const TableDescription& table,
                                                  const TableColumn& column) {
  const ColumnSource source = source_of_name(column.name);
  if (type.FindFieldByName(column.name)) return std::optional(source);
  if (column.default_is == TableColumn::Default::kExpression) return std::optional<ColumnSource>();
  const auto why = FieldPath::open(type, source, column.type);
  return Error(ErrorCode::kInvalidArgument, "column " + column.name + " of table " + table.name + ": " +
                                                why.error().message() +
                                                " (name its source in `columns`, or give it a DEFAULT)");
}

Result<void> open_paths(const pb::Descriptor& type, ProtobufPlan& plan) {
  const auto& columns = plan.columns.encoder.columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ColumnSource& source = plan.columns.sources[i];
    auto& path = plan.paths.emplace_back();
    if (source.kind != ColumnSource::Kind::kPath) continue;
    auto opened = FieldPath::open(type, source, columns[i].type);
    if (!opened) return misfit(columns[i], source, opened.error().message());
    path = std::move(*opened);
  }
  return {};
}

Result<void> check_fields(const pb::Descriptor& type, const ColumnPlan& plan) {
  for (int i = 0; i < type.field_count(); ++i) {
    const std::string& name = type.field(i)->name();
    const bool taken = std::any_of(plan.sources.begin(), plan.sources.end(), [&](const ColumnSource& source) {
      return source.kind == ColumnSource::Kind::kPath && source.path.front() == name;
    });
    if (!taken)
      return Error(ErrorCode::kInvalidArgument, "no column takes the field " + name + " of " + type.full_name());
  }
  return {};
}

Result<RowMapping> map_messages(const TableDescription& table, std::shared_ptr<const MessageTypes> types,
                                const pb::Message& prototype, const MappingOptions& options) {
  const pb::Descriptor& type = *prototype.GetDescriptor();
  auto columns = plan_columns(table, options, [&](const auto& column) { return field_by_name(type, table, column); });
  if (!columns) return columns.error();
  if (options.unknown == RowEncoder::Unknown::kRefused) {
    if (auto known = check_fields(type, *columns); !known) return known.error();
  }
  auto plan = std::make_shared<ProtobufPlan>(
      ProtobufPlan{std::move(types), &prototype, std::move(*columns), {}, options.missing});
  if (auto opened = open_paths(type, *plan); !opened) return opened.error();
  RowEncoder encoder = plan->columns.encoder;
  auto encode = [plan = std::shared_ptr<const ProtobufPlan>(std::move(plan))](
                    RowBatch& batch, const StoredMessage& message) { return encode_message(batch, *plan, message); };
  return RowMapping{std::move(encoder), std::move(encode)};
}

}  // namespace

Result<RowMapping> map_protobuf(const TableDescription& table, std::string_view descriptor_set,
                                std::string_view message, const MappingOptions& options) {
  auto types = MessageTypes::open(descriptor_set);
  if (!types) return types.error();
  const auto type = (*types)->find(message);
  if (!type) return type.error();
  const pb::Message& prototype = (*types)->prototype(**type);
  return map_messages(table, std::move(*types), prototype, options);
}

Result<RowMapping> map_envelopes(const TableDescription& table, const MappingOptions& options) {
  return map_messages(table, nullptr, ProcessedEnvelope::default_instance(), options);
}

}  // namespace leat
