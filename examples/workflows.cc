// A batch in which each job has options of its own, then a chain and a group with options for all their jobs.
#include <leat/json.h>
#include <leat/leat.h>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;

struct Invoice {
  int number = 0;
  static constexpr std::string_view kind = "invoice";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Invoice, number)

struct Step {
  std::string name;
  static constexpr std::string_view kind = "step";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Step, name)

int main() {
  auto broker = leat::open_broker("sqlite:workflows.db").value();
  leat::Queue queue{*broker};

  std::vector<leat::PushOrder> orders;
  for (const int number : {17, 18, 17}) {
    const leat::Unique key{.key = "invoice-" + std::to_string(number)};
    orders.push_back(leat::push_order(Invoice{number}, {.unique = key}));
  }
  for (const auto& pushed : queue.push_many(std::move(orders))) {
    std::cout << (pushed ? "stored" : leat::to_string(pushed.error().code())) << std::endl;
  }

  const leat::PushOptions slow{.result = leat::KeepResult::kYes, .timeout = 10min};
  const auto chain = leat::push_chain(queue, slow, Step{"download"}, Step{"resize"}).value();
  const std::vector<Step> pages{{"page 1"}, {"page 2"}};
  const leat::Group book = leat::push_group(queue, pages, Step{"bind"}, slow).value();

  leat::Worker worker{*broker, {.concurrency = 1}};
  worker.handle<Invoice>([](const Invoice&) {});
  worker.handle<Step>([](const Step& step) { return step.name + " is done"; });
  worker.start().value();
  leat::Results results{*broker};
  for (const leat::JobId& id : {chain[0], chain[1], book.members[0], book.members[1], book.callback}) {
    std::cout << results.wait(id, 30s).value()->value << std::endl;
  }
  worker.stop();
}
