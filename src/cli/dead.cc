// `leat dead`
#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "core/text.h"
#include "leat/dead_letters.h"

namespace leat::cli {
namespace {

constexpr std::size_t kErrorWidth = 60;

nlohmann::json to_json(const DeadLetter& letter) {
  auto headers = nlohmann::json::object();
  for (const auto& [name, value] : letter.headers) headers[std::string(name)] = value;
  nlohmann::json json{{"number", letter.number},
                      {"id", letter.id.str()},
                      {"kind", letter.kind},
                      {"payload", letter.payload},
                      {"headers", std::move(headers)},
                      {"reason", letter.reason},
                      {"error", letter.error},
                      {"attempts", letter.attempts},
                      {"enqueued_at", to_rfc3339(letter.enqueued_at)},
                      {"died_at", to_rfc3339(letter.died_at)}};
  json["history"] = nlohmann::json::parse(letter.history, nullptr, false);
  if (json["history"].is_discarded()) json["history"] = nullptr;
  return json;
}

std::string to_table(const std::vector<DeadLetter>& letters) {
  using enum Column::Align;
  Table table({{"NUMBER", kRight}, {"DIED AT"}, {"QUEUE"}, {"KIND"}, {"ATTEMPTS", kRight}, {"REASON"}, {"ERROR"}});
  for (const DeadLetter& letter : letters) {
    table.add_row({std::to_string(letter.number), to_rfc3339(letter.died_at), std::string(letter.id.queue()),
                   letter.kind, std::to_string(letter.attempts), letter.reason, cut_to(letter.error, kErrorWidth)});
  }
  return table.str();
}

Result<int> list(App& app, DeadLetters& dead, const DeadLetterFilter& filter) {
  const auto letters = dead.list(filter);
  if (!letters) return letters.error();
  if (app.options.json) {
    auto all = nlohmann::json::array();
    for (const DeadLetter& letter : *letters) all.push_back(to_json(letter));
    app.print_json(all);
  } else if (letters->empty()) {
    app.print("no dead letters");
  } else {
    app.print(to_table(*letters));
    if (letters->size() == filter.limit) app.print("read on with --after " + std::to_string(letters->back().number));
  }
  return kExitOk;
}

Result<int> show(App& app, DeadLetters& dead, std::uint64_t number) {
  const auto letter = dead.get(number);
  if (!letter) return letter.error();
  if (app.options.json) {
    app.print_json(to_json(*letter));
    return kExitOk;
  }
  app.print("number:      " + std::to_string(letter->number));
  app.print("id:          " + letter->id.str());
  app.print("kind:        " + letter->kind);
  app.print("reason:      " + letter->reason);
  app.print("error:       " + letter->error);
  app.print("attempts:    " + std::to_string(letter->attempts));
  app.print("enqueued at: " + to_rfc3339(letter->enqueued_at));
  app.print("died at:     " + to_rfc3339(letter->died_at));
  for (const auto& [name, value] : letter->headers)
    app.print("header:      " + std::string(name) + "=" + std::string(value));
  if (!letter->history.empty()) app.print("history:     " + letter->history);
  app.print("payload:     " + letter->payload);
  return kExitOk;
}

Result<int> retry(App& app, DeadLetters& dead, std::uint64_t number) {
  const auto id = dead.retry(number);
  if (!id) return id.error();
  if (app.options.json) {
    app.print_json({{"id", id->str()}});
  } else {
    app.print(id->str());
  }
  return kExitOk;
}

Result<int> discard(App& app, DeadLetters& dead, std::uint64_t number) {
  if (const auto discarded = dead.discard(number); !discarded) return discarded.error();
  if (app.options.json) {
    app.print_json({{"discarded", number}});
  } else {
    app.print("discarded " + std::to_string(number));
  }
  return kExitOk;
}

Error with_remedy(const Error& error) {
  if (error.code() != ErrorCode::kNotFound) return error;
  return {error.code(), error.message() + ": see leat dead list"};
}

template <class Asked>
using Deed = Result<int> (*)(App&, DeadLetters&, Asked);

// Opens the dead letters and does it.
template <class Asked, class Given>
void choose(App& app, Deed<Asked> deed, const Given& asked) {
  app.choose([deed, asked](App& chosen) -> Result<int> {
    auto broker = chosen.existing_broker();
    if (!broker) return broker.error();
    DeadLetters dead(**broker, chosen.options.name_space);
    auto done = deed(chosen, dead, asked);
    return done ? done : with_remedy(done.error());
  });
}

void add_list(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("list", "Dead letters, oldest first");
  auto filter = std::make_shared<DeadLetterFilter>();
  add_queue_name(*at, filter->queue);
  at->add_option("--kind", filter->kind, "Only of this kind")->type_name("KIND");
  add_number(*at, "--after", filter->after, 0, "write a whole number", "Only numbers above this one")
      ->type_name("NUMBER");
  add_number(*at, "--limit", filter->limit, 1, "write a whole number from 1 on", "At most this many [1000]")
      ->type_name("N");
  end_help_with(*at, "leat dead list --queue images --json");
  at->callback([&app, filter] { choose<const DeadLetterFilter&>(app, list, *filter); });
}

void add_deed(CLI::App& parent, App& app, const std::string& name, const std::string& description,
              Deed<std::uint64_t> deed) {
  auto* at = parent.add_subcommand(name, description);
  auto number = std::make_shared<std::uint64_t>(0);
  add_number(*at, "NUMBER", *number, 1, "write a number that `leat dead list` shows", "As `leat dead list` shows it")
      ->required();
  end_help_with(*at, "leat dead " + name + " 17");
  at->callback([&app, number, deed] { choose<std::uint64_t>(app, deed, *number); });
}

}  // namespace

void add_dead(CLI::App& root, App& app) {
  auto* dead = root.add_subcommand("dead", "Look at jobs that failed for good, and run them again");
  dead->require_subcommand(1);
  end_help_with(*dead, "leat dead retry 17");
  add_list(*dead, app);
  add_deed(*dead, app, "show", "Everything about one dead letter", show);
  add_deed(*dead, app, "retry", "Enqueue it again with all its attempts before it", retry);
  add_deed(*dead, app, "discard", "Remove it for good", discard);
}

}  // namespace leat::cli
