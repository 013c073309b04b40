#include <leat/leat.h>
#include <leat/memory_broker.h>

int main() {
  const auto broker = leat::open_memory_broker();
  if (!leat::http_handler("http://localhost/resize")) return 1;
  return leat::Queue(*broker).push(leat::EncodedJob{"note", "no broker but what this component has", {}}) ? 0 : 1;
}
