// Jobs that are protobuf messages; protobuf_job.proto says what is in one.
#include <leat/leat.h>
#include <leat/protobuf.h>

#include <cstdio>

#include "protobuf_job.pb.h"

struct Resize : leat::ProtobufJob<images::Resize> {
  static constexpr std::string_view kind = "resize";
};

int main() {
  auto broker = leat::open_broker("sqlite:jobs.db").value();
  leat::Queue queue{*broker};
  Resize resize;
  resize.message.set_path("cat.jpg");
  resize.message.set_width(200);
  queue.push(resize).value();

  leat::Worker worker{*broker, {.concurrency = 1}};
  worker.handle<Resize>([](const Resize& job) {
    std::printf("%s to %d pixels\n", job.message.path().c_str(), job.message.width());
    std::fflush(stdout);
  });
  return leat::run(worker);
}
