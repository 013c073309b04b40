#include <leat/json.h>
#include <leat/leat.h>

#include <iostream>

struct SendEmail {
  std::string to, subject;
  static constexpr std::string_view kind = "send_email";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SendEmail, to, subject)

int main() {
  auto broker = leat::open_broker("sqlite:jobs.db").value();  // or "nats://localhost:4222"
  leat::Queue queue{*broker};
  queue.push(SendEmail{"ada@example.com", "hello"}).value();

  leat::Worker worker{*broker};
  worker.handle<SendEmail>([](const SendEmail& mail) { std::cout << "to " << mail.to << std::endl; });
  return leat::run(worker);  // until SIGTERM
}
