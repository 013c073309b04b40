#include "cli/shell_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "cli/child_process.h"

namespace leat::cli {
namespace {

// A command that reads no further must not end this process: the calling thread gets no SIGPIPE while one lives.
class PipeSignalBlock {
 public:
  PipeSignalBlock() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &previous_);
  }
  ~PipeSignalBlock() {
    const timespec at_once{};
    if (sigismember(&previous_, SIGPIPE) == 0) {
      while (sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
  }
  PipeSignalBlock(const PipeSignalBlock&) = delete;
  PipeSignalBlock& operator=(const PipeSignalBlock&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t previous_{};
};

void make_nonblocking(const Descriptor& end) {
  fcntl(end.get(), F_SETFL, fcntl(end.get(), F_GETFL) | O_NONBLOCK);
}

// Talks to a running command: writes, reads and waits at the same time, so that neither side can block the other. Does
// not collect it.
class Conversation {
 public:
  Conversation(pid_t child, std::string_view payload, const ShellLimits& limits)
      : child_(child), rest_(payload), limits_(limits), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  Descriptor input;
  Descriptor output;
  Descriptor error;
  Descriptor ended;

  ShellEnd run(const std::stop_token& stop);

 private:
  void wait();
  void write_some();
  void read_output();
  void read_error();
  void begin_grace();
  static ssize_t read_some(Descriptor& from, std::array<char, 16 * 1024>& bytes);

  const pid_t child_;
  std::string_view rest_;
  const ShellLimits& limits_;
  Descriptor wake_;
  bool over_ = false;
  SteadyTime kill_at_ = SteadyTime::max();
  ShellEnd end_;
};

ShellEnd Conversation::run(const std::stop_token& stop) {
  for (const Descriptor* end : {&input, &output, &error}) make_nonblocking(*end);
  bool told = false;
  {
    // At once and not by this thread: whoever requests the stop may end the process next.
    const std::stop_callback wake(stop, [this] {
      kill(-child_, SIGTERM);
      eventfd_write(wake_.get(), 1);
    });
    while (!over_) {
      wait();
      if (stop.stop_requested() && !told) {
        told = true;
        begin_grace();
      }
      if (real_clock().steady() >= kill_at_) kill(-child_, SIGKILL);
    }
  }
  read_output();
  read_error();
  if (told) kill(-child_, SIGKILL);  // while the child is not collected, the group is still ours
  return std::move(end_);
}

void Conversation::wait() {
  if (rest_.empty()) input.reset();
  std::array<pollfd, 5> ready{{{input.get(), POLLOUT, 0},
                               {output.get(), POLLIN, 0},
                               {error.get(), POLLIN, 0},
                               {ended.get(), POLLIN, 0},
                               {wake_.get(), POLLIN, 0}}};
  int timeout = -1;
  if (kill_at_ != SteadyTime::max()) {
    constexpr std::chrono::milliseconds kBetweenKills(100);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(kill_at_ - real_clock().steady());
    timeout = static_cast<int>(std::max(left, kBetweenKills).count());
  }
  if (poll(ready.data(), ready.size(), timeout) < 0) return;
  if (ready[0].revents != 0) write_some();
  if (ready[1].revents != 0) read_output();
  if (ready[2].revents != 0) read_error();
  over_ = ready[3].revents != 0;
}

void Conversation::write_some() {
  const ssize_t count = write(input.get(), rest_.data(), rest_.size());
  if (count > 0) rest_.remove_prefix(static_cast<std::size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) rest_ = {};  // it does not want the rest
}

// Below 0 when there is nothing now; closes the descriptor at the end.
ssize_t Conversation::read_some(Descriptor& from, std::array<char, 16 * 1024>& bytes) {
  if (!from) return -1;
  const ssize_t count = read(from.get(), bytes.data(), bytes.size());
  if (count == 0) from.reset();
  return count;
}

void Conversation::read_output() {
  std::array<char, 16 * 1024> bytes{};
  for (ssize_t count = read_some(output, bytes); count > 0; count = read_some(output, bytes)) {
    const std::size_t room = limits_.max_output - end_.output.size();
    end_.output.append(bytes.data(), std::min(room, static_cast<std::size_t>(count)));
    if (!over_) return;  // others may be ready too
  }
}

void Conversation::read_error() {
  std::array<char, 16 * 1024> bytes{};
  for (ssize_t count = read_some(error, bytes); count > 0; count = read_some(error, bytes)) {
    end_.error.append(bytes.data(), static_cast<std::size_t>(count));
    if (end_.error.size() > limits_.max_error) end_.error.erase(0, end_.error.size() - limits_.max_error);
    if (!over_) return;
  }
}

void Conversation::begin_grace() {
  eventfd_t wakes = 0;
  eventfd_read(wake_.get(), &wakes);
  kill_at_ = real_clock().steady() + limits_.term_grace;
}

}  // namespace

Result<ShellEnd> run_shell(const ShellRequest& request, const ShellLimits& limits, std::stop_token stop) {
  auto to_child = make_pipe();
  if (!to_child) return to_child.error();
  auto from_child = make_pipe();
  if (!from_child) return from_child.error();
  auto errors = make_pipe();
  if (!errors) return errors.error();
  GroupGuard::Note note = request.guard != nullptr ? request.guard->note() : GroupGuard::Note{};
  const auto child = start_child({.arguments = {"/bin/sh", "-c", request.command},
                                  .environment = request.environment,
                                  .input = to_child->reading.get(),
                                  .output = from_child->writing.get(),
                                  .error = errors->writing.get(),
                                  .place = note.place()});
  if (!child) return child.error();
  auto ended = watch_child(*child);
  if (!ended) {
    kill(-*child, SIGKILL);
    collect_child(*child);
    return ended.error();
  }
  const PipeSignalBlock no_pipe_signal;
  Conversation conversation(*child, request.input, limits);
  to_child->reading.reset();
  from_child->writing.reset();
  errors->writing.reset();
  conversation.input = std::move(to_child->writing);
  conversation.output = std::move(from_child->reading);
  conversation.error = std::move(errors->reading);
  conversation.ended = std::move(*ended);
  ShellEnd end = conversation.run(stop);
  note.release();
  end.status = collect_child(*child);
  return end;
}

}  // namespace leat::cli
