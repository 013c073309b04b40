#include <cstdio>

#include "leat/runner.h"
#include "leat/worker.h"

namespace leat {

int run(Worker& worker) {
  Runner runner({.stop_timeout = Duration::max()});
  runner.process("worker", worker);
  const int code = runner.run();
  if (runner.failure()) std::fprintf(stderr, "leat: %s\n", runner.failure()->what());
  return code;
}

}  // namespace leat
