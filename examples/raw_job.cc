// Jobs that are bytes as they are, and jobs with a codec of their own.
#include <leat/leat.h>
#include <leat/raw.h>

#include <charconv>
#include <cstdio>

struct Thumbnail : leat::RawJob<> {
  static constexpr std::string_view kind = "thumbnail";
};

struct Countdown {
  int from = 0;
  static constexpr std::string_view kind = "countdown";
};

template <>
struct leat::Codec<Countdown> {
  static Result<std::string> encode(const Countdown& countdown) { return std::to_string(countdown.from); }
  static Result<Countdown> decode(std::string_view bytes) {
    Countdown countdown;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), countdown.from);
    if (error == std::errc() && end == bytes.data() + bytes.size()) return countdown;
    return Error(ErrorCode::kInvalidArgument, "a countdown is a number");  // the job becomes a dead letter
  }
};

int main() {
  auto broker = leat::open_broker("sqlite:jobs.db").value();
  leat::Queue queue{*broker};
  queue.push(Thumbnail{{std::string("\x89PNG\r\n\0", 7)}}).value();
  queue.push(Countdown{3}).value();

  leat::Worker worker{*broker, {.concurrency = 1}};
  worker.handle<Thumbnail>([](const Thumbnail& thumbnail) {
    std::printf("a thumbnail of %zu bytes\n", thumbnail.payload.size());
    std::fflush(stdout);
  });
  worker.handle<Countdown>([](const Countdown& countdown) {
    for (int i = countdown.from; i > 0; --i) std::printf("%d\n", i);
    std::fflush(stdout);
  });
  return leat::run(worker);
}
