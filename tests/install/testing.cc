#include <leat/queue.h>
#include <leat/testing.h>

int main() {
  leat::TestKit kit;
  kit.handle("note", [](leat::JobContext&) { return leat::Outcome::done(); });
  leat::Queue(kit.broker()).push(leat::EncodedJob{"note", "tested", {}}).value();
  return kit.drain().value().done == 1 ? 0 : 1;
}
