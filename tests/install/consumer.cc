#include <leat/json.h>
#include <leat/leat.h>

#include <iostream>

struct Echo {
  std::string text;
  static constexpr std::string_view kind = "echo";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Echo, text)

int main(int, char** arguments) {
  auto broker = leat::open_broker(arguments[1]).value();
  leat::Queue queue{*broker};
  const leat::JobId id = queue.push(Echo{"installed"}, {.result = leat::KeepResult::kYes}).value();
  leat::Worker worker{*broker};
  worker.handle<Echo>([](const Echo& echo) { return echo.text; });
  worker.start().value();
  const auto result = leat::Results(*broker).wait(id, std::chrono::seconds(30)).value();
  std::cout << (result ? result->value : "nothing") << '\n';
  return result && result->value == "installed" ? 0 : 1;
}
