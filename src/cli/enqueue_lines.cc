#include "cli/enqueue_lines.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/json_check.h"
#include "cli/line_reader.h"
#include "cli/progress.h"
#include "cli/table.h"

namespace leat::cli {
namespace {

constexpr std::size_t kBatch = 1000;

class LineEnqueuer {
 public:
  LineEnqueuer(App& app, Queue& queue, const LineJobs& jobs)
      : app_(app), queue_(queue), jobs_(jobs), lines_(STDIN_FILENO, queue.max_payload()) {}

  Result<int> run();

 private:
  Result<EncodedJob> make_job(Line& line) const;
  Result<void> push(std::vector<Line> lines);
  void report(const Line& line, const Error& error);
  void print_id(const Line& line, const JobId& id) const;
  void summarize() const;

  App& app_;
  Queue& queue_;
  const LineJobs& jobs_;
  LineReader lines_;
  Progress progress_{Progress::style_for_stderr(Progress::Style::kNone)};
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
};

Result<int> LineEnqueuer::run() {
  while (true) {
    auto lines = lines_.read(kBatch);
    if (!lines) return lines.error();
    if (lines->empty()) break;
    if (auto pushed = push(std::move(*lines)); !pushed) {
      progress_.clear();
      summarize();
      return pushed.error();
    }
    progress_.show("enqueued " + with_commas(accepted_) + ", refused " + with_commas(refused_));
  }
  progress_.clear();
  summarize();
  return refused_ == 0 ? kExitOk : kExitFailure;
}

Result<EncodedJob> LineEnqueuer::make_job(Line& line) const {
  if (line.too_long) {
    return Error(ErrorCode::kInvalidArgument, "longer than the limit of " + std::to_string(queue_.max_payload()) +
                                                  " bytes: store the data elsewhere and enqueue a reference");
  }
  if (jobs_.check == LineJobs::Check::kJson) {
    if (auto checked = check_json(line.text); !checked) return checked.error();
  }
  return EncodedJob{jobs_.kind, std::move(line.text), jobs_.headers};
}

// An error when the broker took nothing: it will not take the rest either.
Result<void> LineEnqueuer::push(std::vector<Line> lines) {
  std::vector<Result<EncodedJob>> jobs;
  jobs.reserve(lines.size());
  for (Line& line : lines) jobs.push_back(make_job(line));
  const auto pushed = queue_.push_many(std::move(jobs), jobs_.push);
  const Error* broken = nullptr;
  bool any_accepted = false;
  for (std::size_t i = 0; i < pushed.size(); ++i) {
    if (pushed[i]) {
      any_accepted = true;
      ++accepted_;
      if (jobs_.ids == LineJobs::Ids::kPrint) print_id(lines[i], *pushed[i]);
    } else {
      ++refused_;
      report(lines[i], pushed[i].error());
      if (pushed[i].error().code() != ErrorCode::kInvalidArgument) broken = &pushed[i].error();
    }
  }
  if (any_accepted || broken == nullptr) return {};
  return broken->with_context("stopped after line " + std::to_string(lines.back().number));
}

void LineEnqueuer::report(const Line& line, const Error& error) {
  progress_.clear();
  print_error(app_.options, error.with_context("line " + std::to_string(line.number)));
}

void LineEnqueuer::print_id(const Line& line, const JobId& id) const {
  if (app_.options.json) {
    app_.print_json(nlohmann::json{{"line", line.number}, {"id", id.str()}});
  } else {
    app_.print(id.str());
  }
}

// Standard output belongs to the ids, so people read the summary on standard error.
void LineEnqueuer::summarize() const {
  if (app_.options.json) {
    app_.print_json(nlohmann::json{{"accepted", accepted_}, {"refused", refused_}});
  } else {
    std::fprintf(stderr, "accepted %s, refused %s\n", with_commas(accepted_).c_str(), with_commas(refused_).c_str());
  }
}

}  // namespace

Result<int> enqueue_lines(App& app, Queue& queue, const LineJobs& jobs) {
  return LineEnqueuer(app, queue, jobs).run();
}

}  // namespace leat::cli
