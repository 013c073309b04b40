// Dead letters as lines of an export, so that a test needs no worker to have some.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "core/text.h"
#include "leat/dead_letters.h"

namespace leat::test {

struct DeadLine {
  int number = 0;  // makes origin, id and payload
  std::string queue = "default";
  std::string priority = "medium";
  std::string kind = "number";
  std::string reason = "dead";
  std::string error = "no";
  SystemTime died_at = real_clock().now();

  std::string id() const { return priority + "." + queue + ".K" + std::to_string(number); }
  std::string str() const {
    return nlohmann::json{{"version", 1},
                          {"queue", queue},
                          {"origin", "leat_" + priority + "-1-" + std::to_string(number)},
                          {"id", id()},
                          {"kind", kind},
                          {"reason", reason},
                          {"error", error},
                          {"attempts", 1},
                          {"subject", "leat." + id()},
                          {"enqueued_at", "2026-01-31T12:00:00.123Z"},
                          {"died_at", to_rfc3339(died_at)},
                          {"headers", nlohmann::json::object()},
                          {"payload", std::to_string(number)}}
               .dump() +
           "\n";
  }
};

inline DeadLetterImport import_text(Broker& broker, const std::string& text, const std::string& name_space = "leat") {
  std::istringstream in(text);
  return DeadLetters(broker, {.name = name_space}).import_from(in).value();
}

}  // namespace leat::test
