#include "tests/conformance/children.h"

#include <unistd.h>

#include <functional>
#include <iostream>
#include <map>

#include "tests/support/broker_fixture.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

// In one write, past any buffer: what is written is read, whenever the process is killed.
void write_line(const std::string& text) {
  const std::string line = text + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(2);
}

std::unique_ptr<Consumer> open_workers(Broker& broker) {
  return broker.open_consumer({.stream = "work", .name = "workers", .ack_wait = 1s}).value();
}

void append_for_ever(Broker& broker) {
  const std::string own = std::to_string(getpid()) + ".";
  for (int next = 0;; next += 10) {
    std::vector<AppendRequest> requests(10);
    for (int i = 0; i < 10; ++i) {
      requests[static_cast<std::size_t>(i)].message = {
          .subject = "work.a", .headers = {}, .payload = own + std::to_string(next + i)};
    }
    const auto results = broker.append("work", requests);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i]) write_line(requests[i].message.payload);
    }
  }
}

void hold_for_ever(Broker& broker) {
  const auto consumer = open_workers(broker);
  const auto held = consumer->fetch({.max_count = 100, .max_wait = 10s}, {}).value();
  for (const Delivery& delivery : held) {
    write_line(delivery.message.payload);
  }
  write_line("holding");
  while (true) pause();
}

void work_until_empty(Broker& broker) {
  const auto consumer = open_workers(broker);
  while (broker.admin().stream("work").value().messages > 0) {
    const auto fetched = consumer->fetch({.max_count = 5, .max_wait = 100ms}, {}).value();
    for (const Delivery& delivery : fetched) {
      const Settlement settlement{.lease = delivery.lease, .confirm = true};
      consumer->settle({&settlement, 1}).at(0).value();
      write_line(delivery.message.payload);
    }
  }
}

}  // namespace

std::unique_ptr<ChildProcess> start_child(const std::string& role, const std::string& address) {
  return std::make_unique<ChildProcess>(std::vector<std::string>{own_program(), "--child", role, address});
}

int run_child(const std::vector<std::string>& arguments) {
  const std::map<std::string, std::function<void(Broker&)>> roles{
      {"append", append_for_ever}, {"hold", hold_for_ever}, {"work", work_until_empty}};
  const auto role = arguments.size() == 2 ? roles.find(arguments[0]) : roles.end();
  if (role == roles.end()) return 64;
  try {
    const auto broker = open_address(arguments[1]);
    role->second(*broker);
  } catch (const std::exception& error) {
    std::cerr << "child " << arguments[0] << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace leat::test
