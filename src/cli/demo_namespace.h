// Where the demo keeps its data: a file in a temporary directory, or a namespace of its own on a broker that is there.
#pragma once

#include <memory>
#include <string>

#include "leat/broker.h"
#include "leat/log.h"
#include "leat/result.h"

namespace leat::cli {

// Not thread-safe. The destructor removes what the demo has stored, unless keep() was called.
class DemoNamespace {
 public:
  // `url` empty: a new SQLite file. kInvalidArgument: memory:, which other processes cannot share.
  static Result<std::unique_ptr<DemoNamespace>> open(const std::string& url, Log& log);
  ~DemoNamespace();
  DemoNamespace(const DemoNamespace&) = delete;
  DemoNamespace& operator=(const DemoNamespace&) = delete;

  void keep() { keep_ = true; }
  Broker& broker() { return *broker_; }
  const std::string& url() const { return url_; }
  const std::string& name() const { return name_; }
  // A temporary directory for what else it stores.
  const std::string& directory() const { return directory_; }
  // "--url ... --namespace ...", as far as they are needed; secrets in the URL are hidden.
  std::string arguments() const;

 private:
  DemoNamespace() = default;
  void remove_streams();
  void remove_bucket(const std::string& bucket);

  std::string url_;
  std::string name_ = "leat";
  std::string directory_;
  bool own_broker_ = false;  // a file in the directory
  std::unique_ptr<Broker> broker_;
  bool keep_ = false;
};

}  // namespace leat::cli
