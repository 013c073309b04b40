#include "pipeline/clickhouse/message_types.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/nearest_name.h"

namespace leat {

namespace pb = google::protobuf;

namespace {

// The program's own description of such a file; null for another one.
const pb::FileDescriptor* well_known_file(const std::string& name) {
  for (const pb::FileDescriptor* file : {pb::Timestamp::descriptor()->file(), pb::Duration::descriptor()->file(),
                                         pb::Struct::descriptor()->file(), pb::StringValue::descriptor()->file()}) {
    if (file->name() == name) return file;
  }
  return nullptr;
}

class FirstError : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (text.empty()) text = element + ": " + message;
  }
  std::string text;
};

void add_names(const pb::Descriptor& type, std::vector<std::string>& names) {
  names.push_back(type.full_name());
  for (int i = 0; i < type.nested_type_count(); ++i) {
    if (!type.nested_type(i)->options().map_entry()) add_names(*type.nested_type(i), names);
  }
}

}  // namespace

WellKnown well_known(const pb::Descriptor& type) {
  const pb::FileDescriptor* file = well_known_file(type.file()->name());
  if (!file) return WellKnown::kNone;
  if (file == pb::Timestamp::descriptor()->file()) return WellKnown::kTimestamp;
  if (file == pb::Duration::descriptor()->file()) return WellKnown::kDuration;
  if (file == pb::StringValue::descriptor()->file()) return WellKnown::kWrapper;
  if (type.name() == "Struct") return WellKnown::kStruct;
  return type.name() == "Value" ? WellKnown::kValue : WellKnown::kListValue;
}

// Gives the files to the pool, each behind those that it imports.
class FileSetBuilder {
 public:
  FileSetBuilder(MessageTypes& types, pb::FileDescriptorSet& set) : types_(types) {
    for (pb::FileDescriptorProto& file : *set.mutable_file()) files_.emplace(file.name(), &file);
  }

  Result<void> build_all() {
    for (const auto& [name, file] : files_) {
      if (auto built = build(name, name); !built) return built;
    }
    return {};
  }

 private:
  static Error broken(const std::string& what) {
    return {ErrorCode::kInvalidArgument, "the descriptor set is broken: " + what};
  }

  Result<void> build(const std::string& name, const std::string& importer) {
    if (types_.pool_.FindFileByName(name)) return {};
    pb::FileDescriptorProto own;
    const pb::FileDescriptorProto* file = proto_of(name, own);
    if (!file) {
      return broken(importer + " imports " + name + ", which is not in it (write it with protoc --include_imports)");
    }
    if (!started_.insert(name).second) return broken(name + " imports itself");
    for (const std::string& import : file->dependency()) {
      if (auto built = build(import, name); !built) return built;
    }
    FirstError error;
    const pb::FileDescriptor* built = types_.pool_.BuildFileCollectingErrors(*file, &error);
    if (!built) return broken(name + ": " + error.text);
    types_.files_.push_back(built);
    return {};
  }

  const pb::FileDescriptorProto* proto_of(const std::string& name, pb::FileDescriptorProto& own) const {
    const pb::FileDescriptor* known = well_known_file(name);
    const auto given = files_.find(name);
    if (!known && given != files_.end()) return given->second;
    if (!known && name.starts_with("google/protobuf/"))
      known = pb::DescriptorPool::generated_pool()->FindFileByName(name);
    if (!known) return nullptr;
    known->CopyTo(&own);
    return &own;
  }

  MessageTypes& types_;
  std::map<std::string, const pb::FileDescriptorProto*> files_;
  std::set<std::string> started_;
};

Result<std::shared_ptr<const MessageTypes>> MessageTypes::open(std::string_view descriptor_set) {
  pb::FileDescriptorSet set;
  const bool parsed = descriptor_set.size() <= std::numeric_limits<int>::max() &&
                      set.ParsePartialFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()));
  if (!parsed || set.file_size() == 0) {
    return Error(ErrorCode::kInvalidArgument,
                 "these bytes are no descriptor set: expected what protoc --descriptor_set_out wrote");
  }
  std::unique_ptr<MessageTypes> types(new MessageTypes);
  if (auto built = FileSetBuilder(*types, set).build_all(); !built) return built.error();
  return std::shared_ptr<const MessageTypes>(std::move(types));
}

Result<const pb::Descriptor*> MessageTypes::find(std::string_view name) const {
  if (const pb::Descriptor* type = pool_.FindMessageTypeByName(std::string(name))) return type;
  std::vector<std::string> names;
  for (const pb::FileDescriptor* file : files_) {
    for (int i = 0; i < file->message_type_count(); ++i) add_names(*file->message_type(i), names);
  }
  const std::string in_a_package = "." + std::string(name);
  const auto same =
      std::find_if(names.begin(), names.end(), [&](const auto& known) { return known.ends_with(in_a_package); });
  const auto nearest = same != names.end() ? std::optional(*same) : nearest_name(name, names);
  return Error(ErrorCode::kInvalidArgument, "the descriptor set has no message " + std::string(name) +
                                                (nearest ? ": did you mean " + *nearest + "?" : ""));
}

const pb::Message& MessageTypes::prototype(const pb::Descriptor& type) const {
  return *factory_.GetPrototype(&type);
}

}  // namespace leat
