// Adds the dead letters that lines of JSON tell, in batches.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/dead_letters.h"

namespace leat {

// For one import. Not thread-safe. Borrows the broker, the names and the options.
class DeadLetterImporter {
 public:
  DeadLetterImporter(Broker& broker, const Names& names, const DeadLetterImportOptions& options)
      : broker_(broker), names_(names), options_(options) {}

  // Errors: those of creating the streams; later ones are in the report.
  Result<DeadLetterImport> run(std::istream& in, const std::stop_token& stop);

 private:
  struct Line {
    std::uint64_t number = 0;
    AppendRequest letter;
  };

  bool gather(std::istream& in, const std::stop_token& stop);
  void store();
  void count_refused(const Line& line, const Error& error);
  void add_failure(std::uint64_t line, const Error& error);
  Result<void> name_queues();

  Broker& broker_;
  const Names& names_;
  const DeadLetterImportOptions& options_;
  DeadLetterImport report_;
  std::uint64_t number_ = 0;  // of the line that was read last
  std::vector<Line> batch_;
  std::set<std::string, std::less<>> queues_;  // of the batch
  std::set<std::string, std::less<>> named_;   // that the namespace knows of
};

}  // namespace leat
