// `leat pipeline`
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>

#include "cli/commands.h"
#include "cli/pipeline_config.h"
#include "cli/pipeline_service.h"

namespace leat::cli {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

// A variable that is misspelt changes nothing: whoever set it wants to know.
void tell_strange_variables(Log& log) {
  std::vector<std::string> names;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view entry = *one;
    names.emplace_back(entry.substr(0, entry.find('=')));
  }
  for (const StrangeVariable& strange : strange_variables(names)) {
    log.warn("there is no such variable", {{"variable", strange.name}, {"nearest", strange.nearest}});
  }
}

Result<std::string> read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (in.is_open() && !in.bad()) return text.str();
  return Error(ErrorCode::kNotFound, file + ": " + std::generic_category().message(errno));
}

// The options of all commands that are keys too. What such an option takes from its variable is the variable's.
Flags flags_of(const CLI::App& root) {
  Flags flags;
  for (const std::string key : {"url", "namespace"}) {
    const CLI::Option* option = root.get_option("--" + key);
    if (option->count() == 0) continue;
    const auto text = option->as<std::string>();
    if (variable(option->get_envname()) != text) flags.emplace(key, text);
  }
  return flags;
}

// What one of the commands is given: a file, or nothing when the environment says all, and the command line.
struct Given {
  const CLI::App& root;
  std::string file{};
};

Result<PipelineConfig> read_config(const Given& given, Log& log) {
  tell_strange_variables(log);
  const Flags flags = flags_of(given.root);
  if (given.file.empty()) return parse_pipeline_config("the environment", "", variable, flags);
  const auto text = read_file(given.file);
  return text ? parse_pipeline_config(given.file, *text, variable, flags) : text.error();
}

Result<int> check(App& app, const Given& given) {
  const auto config = read_config(given, app.log());
  if (!config) return config.error();
  nlohmann::json json;
  for (const PipelineKey& key : pipeline_keys()) {
    const std::string value = shown(key, *config);
    if (value.empty()) continue;
    json[key.name] = value;
    if (!app.options.json) app.print(key.name + " = " + value);
  }
  if (app.options.json) app.print_json(json);
  return kExitOk;
}

Result<int> run(App& app, const Given& given) {
  const auto config = read_config(given, app.log(LogLevel::kInfo));
  return config ? run_pipeline(app, *config) : config.error();
}

// "  batch.max_rows  LEAT_PIPELINE_BATCH_MAX_ROWS" and, below it, what it means.
std::string key_help() {
  std::string out =
      "Keys of the file, the variables that win over them, and defaults. --url and --namespace win over both.\n";
  for (const PipelineKey& key : pipeline_keys()) {
    const std::string fallback = shown(key, PipelineConfig());
    out += "  " + key.name + "  " + key.variable + "\n      " + key.meaning;
    for (const std::string& one : key.choices) out += (&one == key.choices.data() ? ": " : ", ") + one;
    if (key.need == PipelineKey::Need::kRequired) out += " [required]";
    out += fallback.empty() ? "\n" : " [" + fallback + "]\n";
  }
  return out;
}

}  // namespace

void add_pipeline(CLI::App& root, App& app) {
  auto* pipeline = root.add_subcommand("pipeline", "A stream's messages as rows of a ClickHouse table, by a TOML file");
  pipeline->require_subcommand(1);
  pipeline->fallthrough();
  auto given = std::make_shared<Given>(Given{root});
  auto* checking = pipeline->add_subcommand("check", "Read the configuration, and show what it comes to");
  checking->add_option("file", given->file, "In TOML; without one, the environment says all")->type_name("FILE");
  checking->footer(key_help() + "\nExample:\n  leat pipeline check pipeline.toml");
  checking->callback([&app, given] { app.choose([given](App& chosen) { return check(chosen, *given); }); });

  auto* running = pipeline->add_subcommand("run", "Run it, until SIGINT or SIGTERM");
  running->add_option("file", given->file, "In TOML; without one, the environment says all")->type_name("FILE");
  running->footer(key_help() + "\nExample:\n  leat pipeline run pipeline.toml");
  running->callback([&app, given] { app.choose([given](App& chosen) { return run(chosen, *given); }); });
}

}  // namespace leat::cli
