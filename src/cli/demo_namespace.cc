#include "cli/demo_namespace.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/ulid.h"
#include "core/url.h"
#include "leat/open.h"

namespace leat::cli {

Result<std::unique_ptr<DemoNamespace>> DemoNamespace::open(const std::string& url, Log& log) {
  std::unique_ptr<DemoNamespace> made(new DemoNamespace);
  made->url_ = url;
  if (url.starts_with("memory:")) {
    return Error(ErrorCode::kInvalidArgument,
                 "the demo's workers are processes of their own, and memory: is not shared by any: use sqlite:FILE, "
                 "nats://HOST, or no --url");
  }
  std::error_code failed;
  std::string pattern = (std::filesystem::temp_directory_path(failed) / "leat-demo-XXXXXX").string();
  if (failed || mkdtemp(pattern.data()) == nullptr)
    return Error(ErrorCode::kUnavailable, "cannot make a temporary directory: set TMPDIR to one that can be written");
  made->directory_ = pattern;
  made->own_broker_ = url.empty();
  if (made->own_broker_) {
    made->url_ = "sqlite:" + pattern + "/demo.db";
  } else {
    made->name_ = "demo_" + make_ulid(real_clock().now());
  }
  auto broker = open_broker(made->url_, {.log = &log});
  if (!broker) return broker.error();
  made->broker_ = std::move(*broker);
  return made;
}

DemoNamespace::~DemoNamespace() {
  if (keep_) return;
  if (broker_ && !own_broker_) remove_streams();
  broker_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string DemoNamespace::arguments() const {
  const auto parsed = parse_url(url_);
  const std::string url = "--url " + (parsed ? parsed->redacted() : url_);
  return own_broker_ ? url : url + " --namespace " + name_;
}

void DemoNamespace::remove_streams() {
  for (const char* stream : {"_high", "_medium", "_low", "_dlq", "_envelopes", "_pipelines_dlq"})
    static_cast<void>(broker_->admin().delete_stream(name_ + stream).has_value());
  for (const char* bucket : {"_attempts", "_results", "_control", "_pipelines"}) remove_bucket(name_ + bucket);
}

// Some brokers keep a bucket as a stream, which takes the records' traces along; elsewhere records go one by one.
void DemoNamespace::remove_bucket(const std::string& bucket) {
  if (broker_->admin().delete_stream("KV_" + bucket)) return;
  const auto opened = broker_->open_bucket({.name = bucket});
  if (!opened) return;
  const auto entries = (*opened)->list("");
  if (!entries) return;
  std::vector<KeyWrite> erasures;
  for (const KeyEntry& entry : *entries) erasures.push_back({.kind = KeyWrite::Kind::kErase, .key = entry.key});
  (*opened)->write(erasures);
}

}  // namespace leat::cli
