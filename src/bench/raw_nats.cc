#include <nats/nats.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "bench/measure.h"
#include "bench/raw_client.h"
#include "core/ulid.h"

namespace leat {
namespace {

constexpr int kWindow = 4096;  // publishes under way
constexpr std::int64_t kAnswerMs = 60'000;

// Throws the library's text: a benchmark has nothing to recover.
void check(natsStatus status, const char* what) {
  if (status != NATS_OK) throw Error(ErrorCode::kUnavailable, std::string(what) + ": " + natsStatus_GetText(status));
}

class RawNats : public RawClient {
 public:
  explicit RawNats(const std::string& url) {
    check(natsConnection_ConnectTo(&connection_, url.c_str()), "connect");
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = kWindow;
    check(natsConnection_JetStream(&jetstream_, connection_, &options), "JetStream");
  }
  ~RawNats() override {
    jsCtx_Destroy(jetstream_);
    natsConnection_Destroy(connection_);
  }

  Result<double> enqueue(const RawWork& work) override {
    return timed(work, [&] {
      for (std::size_t done = 0; done < work.jobs; done += work.batch) {
        for (std::size_t i = done; i < std::min(done + work.batch, work.jobs); ++i) publish_async(work);
        jsPubOptions wait;
        jsPubOptions_Init(&wait);
        wait.MaxWait = kAnswerMs;
        check(js_PublishAsyncComplete(jetstream_, &wait), "publish");
      }
    });
  }

  Result<double> enqueue_singly(const RawWork& work) override {
    return timed(work, [&] {
      for (std::size_t i = 0; i < work.jobs; ++i) {
        natsMsg* message = make_message(work);
        jsPubAck* ack = nullptr;
        const natsStatus status = js_PublishMsg(&ack, jetstream_, message, nullptr, nullptr);
        jsPubAck_Destroy(ack);
        natsMsg_Destroy(message);
        check(status, "publish");
      }
    });
  }

  Result<double> process(const RawWork& work) override {
    try {
      add_consumer(stream(work), "raw", "explicit");
      const SteadyTime begin = real_clock().steady();
      take_all(work);
      check(natsConnection_Flush(connection_), "flush");
      return static_cast<double>(work.jobs) / seconds_since(begin);
    } catch (const Error& error) {
      return error;
    }
  }

  Result<double> read_stream(const std::string& stream, std::size_t messages, std::size_t batch) override {
    try {
      const std::string name = make_ulid(real_clock().now());
      add_consumer(stream, name, "all");
      const SteadyTime begin = real_clock().steady();
      read_all(stream, name, messages, batch);
      check(natsConnection_Flush(connection_), "flush");
      const double seconds = seconds_since(begin);
      js_DeleteConsumer(jetstream_, stream.c_str(), name.c_str(), nullptr, nullptr);
      return static_cast<double>(messages) / seconds;
    } catch (const Error& error) {
      return error;
    }
  }

  void clean(const RawWork& work) override { js_DeleteStream(jetstream_, stream(work).c_str(), nullptr, nullptr); }

 private:
  template <class Work>
  Result<double> timed(const RawWork& work, Work run) {
    try {
      add_stream(work);
      const SteadyTime begin = real_clock().steady();
      run();
      return static_cast<double>(work.jobs) / seconds_since(begin);
    } catch (const Error& error) {
      return error;
    }
  }

  static std::string stream(const RawWork& work) { return work.name_space + "_raw"; }
  static std::string prefix(const RawWork& work) { return work.name_space + "raw.medium.default."; }

  void add_stream(const RawWork& work) {
    clean(work);
    const std::string name = stream(work);
    const std::string subject = work.name_space + "raw.medium.>";
    std::array<const char*, 1> subjects{subject.c_str()};
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = name.c_str();
    config.Subjects = subjects.data();
    config.SubjectsLen = static_cast<int>(subjects.size());
    config.Storage = js_FileStorage;
    config.Retention = work.shape == RawWork::Shape::kJob ? js_WorkQueuePolicy : js_LimitsPolicy;
    check(js_AddStream(nullptr, jetstream_, &config, nullptr, nullptr), "add stream");
  }

  natsMsg* make_message(const RawWork& work) {
    natsMsg* message = nullptr;
    const std::string key = make_ulid(real_clock().now());
    const bool bulk = work.lane == Lane::kBulk;
    const std::string subject = prefix(work) + (bulk ? "_" : key);
    check(
        natsMsg_Create(&message, subject.c_str(), nullptr, work.payload.data(), static_cast<int>(work.payload.size())),
        "message");
    if (work.shape == RawWork::Shape::kMessage) return message;
    check(natsMsgHeader_Set(message, "Leat-Kind", "bench"), "header");
    if (bulk) {
      check(natsMsgHeader_Set(message, "Leat-Id", ("medium.default._" + key).c_str()), "header");
    } else {
      check(natsMsgHeader_Set(message, "Nats-Msg-Id", key.c_str()), "header");
      check(natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence", "0"), "header");
    }
    return message;
  }

  void publish_async(const RawWork& work) {
    natsMsg* message = make_message(work);
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = kAnswerMs;
    const natsStatus status = js_PublishMsgAsync(jetstream_, &message, &options);
    natsMsg_Destroy(message);
    check(status, "publish");
  }

  void add_consumer(const std::string& stream_name, const std::string& name, const std::string& ack_policy) {
    const std::string subject = "$JS.API.CONSUMER.DURABLE.CREATE." + stream_name + "." + name;
    const std::string request = R"({"stream_name":")" + stream_name + R"(","config":{"durable_name":")" + name +
                                R"(","ack_policy":")" + ack_policy + R"(","max_ack_pending":200000}})";
    natsMsg* reply = nullptr;
    check(natsConnection_RequestString(&reply, connection_, subject.c_str(), request.c_str(), kAnswerMs),
          "add consumer");
    natsMsg_Destroy(reply);
  }

  void take_all(const RawWork& work) {
    const std::string inbox = "_INBOX.raw." + make_ulid(real_clock().now());
    const std::string next = "$JS.API.CONSUMER.MSG.NEXT." + stream(work) + ".raw";
    const std::string pull = R"({"batch":)" + std::to_string(work.batch) + R"(,"expires":30000000000})";
    natsSubscription* subscription = nullptr;
    check(natsConnection_SubscribeSync(&subscription, connection_, inbox.c_str()), "subscribe");
    natsSubscription_SetPendingLimits(subscription, -1, -1);
    const auto ask = [&] {
      check(natsConnection_PublishRequestString(connection_, next.c_str(), inbox.c_str(), pull.c_str()), "pull");
    };
    ask();
    ask();
    std::size_t open = 2 * work.batch;
    for (std::size_t got = 0; got < work.jobs; ++got) {
      natsMsg* message = nullptr;
      check(natsSubscription_NextMsg(&message, subscription, kAnswerMs), "next message");
      const char* kind = nullptr;
      if (work.shape == RawWork::Shape::kJob) check(natsMsgHeader_Get(message, "Leat-Kind", &kind), "header");
      check(natsConnection_Publish(connection_, natsMsg_GetReply(message), "+ACK", 4), "ack");
      natsMsg_Destroy(message);
      if (--open <= work.batch) {
        ask();
        open += work.batch;
      }
    }
    natsSubscription_Destroy(subscription);
  }

  void read_all(const std::string& stream_name, const std::string& name, std::size_t messages, std::size_t batch) {
    constexpr std::size_t kPull = 5000;
    const std::string inbox = "_INBOX.raw." + make_ulid(real_clock().now());
    const std::string next = "$JS.API.CONSUMER.MSG.NEXT." + stream_name + "." + name;
    const std::string pull = R"({"batch":)" + std::to_string(kPull) + R"(,"expires":30000000000})";
    natsSubscription* subscription = nullptr;
    check(natsConnection_SubscribeSync(&subscription, connection_, inbox.c_str()), "subscribe");
    natsSubscription_SetPendingLimits(subscription, -1, -1);
    std::size_t open = 0;
    for (std::size_t got = 1; got <= messages; ++got) {
      for (; open <= kPull; open += kPull) {
        check(natsConnection_PublishRequestString(connection_, next.c_str(), inbox.c_str(), pull.c_str()), "pull");
      }
      natsMsg* message = nullptr;
      check(natsSubscription_NextMsg(&message, subscription, kAnswerMs), "next message");
      if (got % batch == 0 || got == messages) {
        check(natsConnection_Publish(connection_, natsMsg_GetReply(message), "+ACK", 4), "ack");
      }
      natsMsg_Destroy(message);
      --open;
    }
    natsSubscription_Destroy(subscription);
  }

  natsConnection* connection_ = nullptr;
  jsCtx* jetstream_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<RawClient>> open_raw_nats(const Url& url) {
  if (!url.params.empty()) {
    return Error(ErrorCode::kInvalidArgument, "the raw client connects by host, user and password alone");
  }
  std::string text = url.scheme + "://";
  if (url.user) text += *url.user + (url.password ? ":" + *url.password : "") + "@";
  text += url.hosts.front().name + ":" + std::to_string(url.hosts.front().port.value_or(4222));
  try {
    return std::make_unique<RawNats>(text);
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace leat
