// A program and its tests: no server, no threads, no sleeping. Any test framework will do; here it is a function.
#include <leat/json.h>
#include <leat/leat.h>
#include <leat/testing.h>

#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

struct SendEmail {
  std::string to;
  static constexpr std::string_view kind = "send_email";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SendEmail, to)

void sign_up(leat::Broker& broker, const std::string& address) {
  leat::Queue queue{broker, {.name = "mails"}};
  queue.push(SendEmail{address}, {.priority = leat::Priority::kHigh, .max_attempts = 3}).value();
}

struct Mailer {
  bool works = true;
  int sent = 0;

  leat::Outcome send(const SendEmail& mail) {
    if (mail.to.find('@') == mail.to.npos) return leat::Outcome::dead("no address");
    if (!works) throw std::runtime_error("the mail server is away");
    ++sent;
    return leat::Outcome::done();
  }
};

void check(bool holds, const char* what) {
  std::cout << (holds ? "ok     " : "FAILED ") << what << std::endl;
}

void test_that_signing_up_pushes_a_mail() {
  leat::TestKit kit;
  sign_up(kit.broker(), "ada@example.com");
  const auto mail = kit.require_enqueued<SendEmail>().value();  // exactly one, or an exception that says what there is
  check(mail.job.to == "ada@example.com", "the mail goes to the one who signed up");
  check(mail.id.queue() == "mails" && mail.options.priority == leat::Priority::kHigh, "it is urgent");
}

void test_that_mails_wait_for_the_mail_server() {
  leat::TestKit kit;
  Mailer mailer{.works = false};
  kit.handle<SendEmail>([&](const SendEmail& mail) { return mailer.send(mail); });
  sign_up(kit.broker(), "ada@example.com");
  const leat::JobRun run = kit.run_one().value();
  check(run.then == leat::JobRun::Then::kRetry && run.again_in == 1s, "a failed mail is tried again in a second");
  check(kit.drain().value().runs.empty(), "and not before");
  mailer.works = true;
  kit.clock().advance(1s);
  check(kit.drain().value().done == 1 && mailer.sent == 1, "it is sent when the server is back");
}

void test_that_a_mail_that_fails_three_times_is_dead() {
  leat::TestKit kit;
  Mailer mailer{.works = false};
  kit.handle<SendEmail>([&](const SendEmail& mail) { return mailer.send(mail); });
  sign_up(kit.broker(), "ada@example.com");
  while (!kit.enqueued().value().empty()) {
    kit.drain().value();
    kit.clock().advance(1min);
  }
  const auto letters = leat::DeadLetters(kit.broker()).list().value();
  check(letters.size() == 1 && letters[0].attempts == 3, "after three attempts it is a dead letter");
}

void test_one_call_of_the_handler() {
  Mailer mailer;
  const auto outcome = leat::run_job(SendEmail{"nobody"}, [&](const SendEmail& mail) { return mailer.send(mail); });
  check(outcome.kind() == leat::Outcome::Kind::kDead, "a mail without an address is not tried again");
}

int main() {
  test_that_signing_up_pushes_a_mail();
  test_that_mails_wait_for_the_mail_server();
  test_that_a_mail_that_fails_three_times_is_dead();
  test_one_call_of_the_handler();
}
