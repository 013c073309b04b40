// Jobs that are no JSON, from the queue to the handler and to the dead letters.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <optional>

#include "core/mutex.h"
#include "leat/json.h"
#include "leat/leat.h"
#include "leat/memory_broker.h"
#include "leat/protobuf.h"
#include "leat/raw.h"

namespace leat {

struct Image : RawJob<> {
  static constexpr std::string_view kind = "image";
};
struct Packet : RawJob<std::vector<std::byte>> {
  static constexpr std::string_view kind = "packet";
};
struct Greet : ProtobufJob<google::protobuf::StringValue> {
  static constexpr std::string_view kind = "greet";
};
struct NamePart : ProtobufJob<google::protobuf::UninterpretedOption_NamePart> {  // it has required fields
  static constexpr std::string_view kind = "name_part";
};
struct Even {  // its conversions refuse by exceptions of their own
  int number = 0;
  static constexpr std::string_view kind = "even";
};
void to_json(nlohmann::json& json, const Even& even) {
  if (even.number < 0) throw even.number;
  if (even.number % 2 != 0) throw std::out_of_range("an odd number is none");
  json = even.number;
}
void from_json(const nlohmann::json& json, Even& even) {
  even.number = json.get<int>();
  if (even.number % 2 != 0) throw std::invalid_argument(json.dump() + " is odd");
}
static_assert(Job<Even>);
static_assert(Job<Image> && Job<Packet> && Job<Greet> && Job<NamePart>);

namespace {

using namespace std::chrono_literals;

const std::string kAllBytes = [] {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  return all;
}();

struct CodecsTest : ::testing::Test {
  std::unique_ptr<Broker> broker = open_memory_broker();
  Queue queue{*broker};
  Results results{*broker};

  // What the handler of this job's kind got; empty when it was not called.
  template <Job T>
  std::optional<T> round_trip(const T& job) {
    std::optional<T> seen;
    const JobId id = queue.push(job, {.result = KeepResult::kYes}).value();
    Worker worker(*broker, {.concurrency = 1});
    worker.handle<T>([&seen](const T& got) { seen = got; });
    EXPECT_TRUE(worker.start());
    EXPECT_TRUE(results.wait(id, 20s).value());
    worker.stop();
    return seen;
  }

  // The dead letter of a payload that a worker with a handler for T got.
  template <Job T>
  DeadLetter dead_letter_of(const std::string& payload) {
    const JobId id = queue.push(EncodedJob{std::string(T::kind), payload}, {.result = KeepResult::kYes}).value();
    Worker worker(*broker, {.concurrency = 1});
    worker.handle<T>([](const T&) { ADD_FAILURE() << "the payload is one of T"; });
    EXPECT_TRUE(worker.start());
    EXPECT_TRUE(results.wait(id, 20s).value());
    worker.stop();
    return DeadLetters(*broker).list().value().at(0);
  }
};

TEST_F(CodecsTest, RawBytesStayAsTheyAre) {
  EXPECT_EQ(round_trip(Image{{kAllBytes}})->payload, kAllBytes);
  EXPECT_EQ(round_trip(Image{})->payload, "");
  const Packet packet{{{std::byte{0}, std::byte{255}, std::byte{128}}}};
  EXPECT_EQ(round_trip(packet)->payload, packet.payload);
  EXPECT_EQ(Codec<Packet>::encode(packet).value(), std::string("\0\xff\x80", 3));
}

TEST_F(CodecsTest, ProtobufMessagesArrive) {
  Greet greet;
  greet.message.set_value("Ada");
  EXPECT_EQ(Codec<Greet>::encode(greet).value(),
            "\x0a\x03"
            "Ada");
  EXPECT_EQ(round_trip(greet)->message.value(), "Ada");
  EXPECT_EQ(round_trip(Greet{})->message.value(), "");
}

TEST_F(CodecsTest, WhatIsNoMessageIsADeadLetterWithItsBytes) {
  const std::string bytes("\x0a\xff\0\xfe", 4);
  const DeadLetter letter = dead_letter_of<Greet>(bytes);
  EXPECT_EQ(letter.reason, "undecodable");
  EXPECT_EQ(letter.payload, bytes);
  EXPECT_NE(letter.error.find("these bytes are no google.protobuf.StringValue"), std::string::npos) << letter.error;
}

TEST_F(CodecsTest, WhatAConversionOfJsonThrowsIsAnError) {
  EXPECT_EQ(round_trip(Even{2})->number, 2);
  for (const int number : {1, -2}) {
    const auto pushed = queue.push(Even{number});
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(queue.push(Even{1}).error().message(), "even: an odd number is none");
  const DeadLetter letter = dead_letter_of<Even>("3");
  EXPECT_EQ(letter.reason, "undecodable");
  EXPECT_EQ(letter.error, "3 is odd");
}

TEST_F(CodecsTest, RequiredFieldsAreRequiredBothWays) {
  const auto pushed = queue.push(NamePart{});
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(pushed.error().message().find("name_part"), std::string::npos) << pushed.error().message();
  EXPECT_NE(dead_letter_of<NamePart>("").error.find("is_extension"), std::string::npos);
}

}  // namespace
}  // namespace leat
