// `leat dead`
#include <charconv>
#include <functional>

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/dead_edit.h"
#include "cli/dead_many.h"
#include "cli/dead_selection.h"
#include "cli/dead_transfer.h"
#include "cli/table.h"
#include "core/base64.h"
#include "core/text.h"
#include "leat/dead_letters.h"

namespace leat::cli {
namespace {

constexpr std::size_t kErrorWidth = 60;
constexpr std::size_t kListed = 1000;

nlohmann::json to_json(const DeadLetter& letter) {
  auto headers = nlohmann::json::object();
  for (const auto& [name, value] : letter.headers) headers[std::string(name)] = value;
  nlohmann::json json{{"number", letter.number},
                      {"id", letter.id.str()},
                      {"queue", letter.queue},
                      {"subject", letter.subject},
                      {"kind", letter.kind},
                      {"headers", std::move(headers)},
                      {"reason", letter.reason},
                      {"error", letter.error},
                      {"attempts", letter.attempts},
                      {"enqueued_at", to_rfc3339(letter.enqueued_at)},
                      {"died_at", to_rfc3339(letter.died_at)}};
  if (is_utf8(letter.payload)) {
    json["payload"] = letter.payload;
  } else {
    json["payload_base64"] = to_base64(letter.payload);
  }
  json["history"] = nlohmann::json::parse(letter.history, nullptr, false);
  if (json["history"].is_discarded()) json["history"] = nullptr;
  return json;
}

std::string to_table(const std::vector<DeadLetter>& letters) {
  using enum Column::Align;
  Table table({{"NUMBER", kRight}, {"DIED AT"}, {"QUEUE"}, {"KIND"}, {"ATTEMPTS", kRight}, {"REASON"}, {"ERROR"}});
  for (const DeadLetter& letter : letters) {
    table.add_row({std::to_string(letter.number), to_rfc3339(letter.died_at), letter.queue, letter.kind,
                   std::to_string(letter.attempts), letter.reason, cut_to(letter.error, kErrorWidth)});
  }
  return table.str();
}

Result<int> list(App& app, DeadLetters& dead, DeadLetterFilter filter) {
  // A table shows no payloads.
  if (!app.options.json) filter.payloads = DeadLetterFilter::Payloads::kLeaveOut;
  filter.limit = filter.limit.value_or(kListed);
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
  app.print("queue:       " + letter->queue);
  app.print("subject:     " + letter->subject);
  app.print("kind:        " + letter->kind);
  app.print("reason:      " + letter->reason);
  app.print("error:       " + letter->error);
  app.print("attempts:    " + std::to_string(letter->attempts));
  app.print("enqueued at: " + to_rfc3339(letter->enqueued_at));
  app.print("died at:     " + to_rfc3339(letter->died_at));
  for (const auto& [name, value] : letter->headers)
    app.print("header:      " + std::string(name) + "=" + std::string(value));
  if (!letter->history.empty()) app.print("history:     " + letter->history);
  app.print(is_utf8(letter->payload) ? "payload:     " + letter->payload
                                     : "payload (base64): " + to_base64(letter->payload));
  return kExitOk;
}

struct RetryOptions {
  DeadSelection selection{};
  DeadEditOptions edit{};
  double rate = 0;
};

Result<int> retry_one(App& app, DeadLetters& dead, const RetryOptions& options) {
  const auto edit = make_edit(dead, options.selection.number, options.edit);
  if (!edit) return edit.error();
  const auto id = dead.retry(options.selection.number, *edit);
  if (!id) return id.error();
  if (app.options.json) {
    app.print_json({{"id", id->str()}});
  } else {
    app.print(id->str());
  }
  return kExitOk;
}

Result<int> discard_one(App& app, DeadLetters& dead, std::uint64_t number) {
  if (const auto discarded = dead.discard(number); !discarded) return discarded.error();
  if (app.options.json) {
    app.print_json({{"discarded", number}});
  } else {
    app.print("discarded " + std::to_string(number));
  }
  return kExitOk;
}

Result<int> retry(App& app, DeadLetters& dead, const RetryOptions& options) {
  if (options.selection.number > 0) return retry_one(app, dead, options);
  return run_over_dead_letters(app, "retried", options.rate, [&](const DeadLetterRun& run, std::stop_token stop) {
    return dead.retry_many(options.selection.whole_filter(), run, std::move(stop));
  });
}

Result<void> check(const RetryOptions& options) {
  if (auto checked = check(options.selection); !checked) return checked;
  const bool one = options.selection.number > 0;
  if (one && options.rate > 0) return Error(ErrorCode::kInvalidArgument, "--rate is for several dead letters");
  if (one || options.edit.empty()) return {};
  return Error(ErrorCode::kInvalidArgument,
               "--payload, --set-kind, --set-header and --drop-header change one dead letter: give its NUMBER");
}

Result<int> discard(App& app, DeadLetters& dead, const DeadSelection& selection) {
  if (selection.number > 0) return discard_one(app, dead, selection.number);
  return run_over_dead_letters(app, "discarded", 0, [&](const DeadLetterRun& run, std::stop_token stop) {
    return dead.discard_many(selection.whole_filter(), run, std::move(stop));
  });
}

Error with_remedy(const Error& error) {
  if (error.code() != ErrorCode::kNotFound) return error;
  return {error.code(), error.message() + ": see leat dead list"};
}

using Deed = std::function<Result<int>(App&, DeadLetters&)>;
enum class Storage { kExisting, kCreated };

// Opens the dead letters and does it.
void choose(App& app, Deed deed, Storage storage = Storage::kExisting) {
  app.choose([deed = std::move(deed), storage](App& chosen) -> Result<int> {
    auto broker = storage == Storage::kCreated ? chosen.broker() : chosen.existing_broker();
    if (!broker) return broker.error();
    DeadLetters dead(**broker, chosen.options.name_space);
    auto done = deed(chosen, dead);
    return done ? done : with_remedy(done.error());
  });
}

// The same for what is done to several: says first what is wrong with the selection.
void choose_checked(App& app, const Result<void>& checked, Deed deed) {
  if (!checked) {
    app.choose([error = checked.error()](App&) -> Result<int> { return error; });
  } else {
    choose(app, std::move(deed));
  }
}

double rate_or_throw(const std::string& text) {
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate, std::chars_format::fixed);
  const bool fits = rate >= 0.001 && rate <= 1'000'000;
  if (error == std::errc{} && end == text.data() + text.size() && fits) return rate;
  throw CLI::ValidationError("--rate", "\"" + text + "\": write how many in a second, from 0.001 to 1000000");
}

void add_list(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("list", "Dead letters, oldest first");
  auto selection = std::make_shared<DeadSelection>();
  add_filter(*at, *selection, "At most this many [1000]");
  end_help_with(*at,
                "leat dead list --queue images --json\n"
                "  leat dead list --error 'connection refused' --younger 1h");
  at->callback([&app, selection] {
    choose(app, [selection](App& chosen, DeadLetters& dead) { return list(chosen, dead, selection->whole_filter()); });
  });
}

void add_show(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("show", "Everything about one dead letter");
  auto number = std::make_shared<std::uint64_t>(0);
  add_number(*at, "NUMBER", *number, 1, "write a number that `leat dead list` shows", "As `leat dead list` shows it")
      ->required();
  end_help_with(*at, "leat dead show 17");
  at->callback([&app, number] {
    choose(app, [number](App& chosen, DeadLetters& dead) { return show(chosen, dead, *number); });
  });
}

void add_retry(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("retry", "Enqueue one or many again, as if they had never been tried");
  auto options = std::make_shared<RetryOptions>();
  add_selection(*at, options->selection);
  at->add_option_function<std::string>(
        "--rate", [options](const std::string& text) { options->rate = rate_or_throw(text); },
        "So many in a second [as fast as possible]")
      ->type_name("N");
  add_edit(*at, options->edit);
  end_help_with(*at,
                "leat dead retry 17\n"
                "  leat dead retry --kind resize --error timeout --older 1h --rate 100\n"
                "  leat dead show 17 --json | jq -r .payload | sed s/jgp/jpg/ | leat dead retry 17 --payload -");
  at->callback([&app, options] {
    choose_checked(app, check(*options),
                   [options](App& chosen, DeadLetters& dead) { return retry(chosen, dead, *options); });
  });
}

void add_discard(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("discard", "Remove one or many for good");
  auto selection = std::make_shared<DeadSelection>();
  add_selection(*at, *selection);
  end_help_with(*at,
                "leat dead discard 17\n"
                "  leat dead discard --reason undecodable --older 7d");
  at->callback([&app, selection] {
    choose_checked(app, check(*selection),
                   [selection](App& chosen, DeadLetters& dead) { return discard(chosen, dead, *selection); });
  });
}

void add_export(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("export", "Write dead letters to standard output, a line of JSON each");
  auto selection = std::make_shared<DeadSelection>();
  add_filter(*at, *selection, "At most this many, the oldest [all]");
  end_help_with(*at, "leat dead export --queue images > letters.ndjson");
  at->callback([&app, selection] {
    choose(app, [selection](App& chosen, DeadLetters& dead) {
      return export_dead_letters(chosen, dead, selection->whole_filter());
    });
  });
}

void add_import(CLI::App& parent, App& app) {
  auto* at = parent.add_subcommand("import", "Add the dead letters that an export wrote; those that are there stay");
  auto path = std::make_shared<std::string>();
  at->add_option("FILE", *path, "What `leat dead export` wrote; - reads standard input")->required();
  end_help_with(*at, "leat dead import letters.ndjson");
  at->callback([&app, path] {
    choose(
        app, [path](App& chosen, DeadLetters& dead) { return import_dead_letters(chosen, dead, *path); },
        Storage::kCreated);
  });
}

}  // namespace

void add_dead(CLI::App& root, App& app) {
  auto* dead = root.add_subcommand("dead", "Look at jobs that failed for good, and run them again");
  dead->require_subcommand(1);
  add_namespace_settings(*dead, app.options.name_space);
  end_help_with(*dead, "leat dead retry 17");
  add_list(*dead, app);
  add_show(*dead, app);
  add_retry(*dead, app);
  add_discard(*dead, app);
  add_export(*dead, app);
  add_import(*dead, app);
}

}  // namespace leat::cli
