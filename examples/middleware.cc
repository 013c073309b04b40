// Code around every push and every handler call: a tenant that goes along, a limit, a trace, and what was counted.
#include <leat/json.h>
#include <leat/leat.h>

#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

struct Mail {
  std::string to;
  static constexpr std::string_view kind = "mail";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Mail, to)

// Each job gets the tenant for whom it is pushed; none is pushed without one.
leat::PushMiddleware add_tenant(const std::string& tenant) {
  return [&tenant](std::span<leat::PushOrder> orders) -> leat::AfterPush {
    for (leat::PushOrder& order : orders) {
      if (tenant.empty()) order.refused = leat::Error(leat::ErrorCode::kInvalidArgument, "no tenant");
      order.job.headers.set("tenant", tenant);
    }
    return {};
  };
}

// Says what comes before the handler, and returns what comes after it.
leat::Around announce(leat::JobContext& job) {
  const std::string tenant(job.headers().get("tenant").value_or("nobody"));
  if (tenant == "blocked") return leat::Outcome::dead("the tenant is blocked");
  std::cout << "for " << tenant << ": ";
  return [](leat::Outcome& outcome) { std::cout << outcome.text() << std::endl; };
}

int main() {
  auto broker = leat::open_broker("sqlite:middleware.db").value();
  leat::Metrics metrics;
  std::string tenant;
  leat::Queue queue{*broker, {.middleware = {add_tenant(tenant)}, .metrics = &metrics}};
  std::cout << "without a tenant: " << queue.push(Mail{"ada@example.com"}).error().message() << std::endl;
  for (const char* each : {"acme", "blocked", "umbrella"}) {
    tenant = each;
    queue.push(Mail{"ada@example.com"}).value();
  }

  leat::Worker worker{*broker,
                      {.concurrency = 1,
                       .middleware = {announce, leat::limit_rate({.per_second = 100, .kind = "mail"}),
                                      leat::trace_jobs([](const leat::Span& span) {
                                        std::cout << "(a span of " << span.context.trace_id.size() << " digits) ";
                                      })},
                       .metrics = &metrics}};
  worker.handle<Mail>([](const Mail& mail, leat::JobContext& job) {
    job.progress(0.5, "connected");  // `leat workers` and `leat job status` show it
    return "mail to " + mail.to;
  });
  worker.start().value();
  while (worker.counts().done + worker.counts().dead < 3) std::this_thread::sleep_for(1ms);
  worker.stop();

  const leat::Labels mail{{"queue", "default"}, {"kind", "mail"}};
  std::cout << metrics.counter("leat_jobs_enqueued_total", "", mail).value() << " enqueued, "
            << metrics.counter("leat_jobs_started_total", "", mail).value() << " started, "
            << metrics.histogram("leat_job_seconds", "", mail).count() << " timed" << std::endl;
}
