#include <algorithm>
#include <random>

#include "agent/sight/answer_memory.h"
#include "agent/sight/crypto_stream.h"
#include "agent/sight/host_text.h"
#include "agent/sight/lru_table.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"
#include "tests/unit/agent/sight/support.h"

namespace gnomon {
namespace {

using testing::DnsBuilder;
using testing::from_hex;
using testing::from_text;
using testing::https_data;
using testing::Octets;

std::string text_of(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST_CASE("LruTable: what was touched longest ago goes first", "[agent][sight]") {
  LruTable<int, int> table{2};
  bool evicted = false;
  table.find_or_make(1, evicted) = 10;
  table.find_or_make(2, evicted) = 20;
  CHECK_FALSE(evicted);
  REQUIRE(table.find(1) != nullptr);
  table.find_or_make(3, evicted) = 30;
  CHECK(evicted);
  CHECK(table.find(2) == nullptr);
  CHECK(*table.find(1) == 10);
  CHECK(table.size() == 2);
  table.erase(1);
  table.erase(1);
  CHECK(table.size() == 1);
}

TEST_CASE("CryptoStream: pieces in any order and with any overlap give the whole",
          "[agent][sight]") {
  const std::string whole = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::mt19937 random{7};  // NOLINT(cert-msc51-cpp): the same every time
  for (int round = 0; round < 500; ++round) {
    CryptoStream stream;
    std::vector<bool> known(whole.size(), false);
    while (std::find(known.begin(), known.end(), false) != known.end()) {
      const std::size_t begin = random() % whole.size();
      const std::size_t size = std::min<std::size_t>(random() % 9, whole.size() - begin);
      REQUIRE(stream.add(begin, from_text(whole.substr(begin, size))));
      std::fill_n(known.begin() + static_cast<std::ptrdiff_t>(begin), size, true);
      const auto gap =
          static_cast<std::size_t>(std::find(known.begin(), known.end(), false) - known.begin());
      REQUIRE(text_of(stream.prefix()) == whole.substr(0, gap));
    }
  }
}

TEST_CASE("CryptoStream: what came first stays", "[agent][sight]") {
  CryptoStream stream;
  REQUIRE(stream.add(2, from_text("cd")));
  REQUIRE(stream.add(6, from_text("gh")));
  CHECK(stream.prefix().empty());
  REQUIRE(stream.add(0, from_text("XXXXXXXXXX")));
  CHECK(text_of(stream.prefix()) == "XXcdXXghXX");
}

TEST_CASE("CryptoStream: the last byte held passes and one more is over the limit",
          "[agent][sight]") {
  CryptoStream stream;
  CHECK(stream.add(CryptoStream::kMaxBytes - 1, Octets{1}));
  CHECK_FALSE(stream.add(CryptoStream::kMaxBytes, Octets{1}));
  CHECK_FALSE(stream.add(UINT64_MAX, Octets{1}));
  CHECK_FALSE(stream.add(0, Octets(CryptoStream::kMaxBytes + 1, 1)));
  CHECK(stream.add(0, Octets(CryptoStream::kMaxBytes, 1)));
  CHECK(stream.prefix().size() == CryptoStream::kMaxBytes);
}

TEST_CASE("CryptoStream: as many separate runs as the limit pass, one more does not",
          "[agent][sight]") {
  CryptoStream stream;
  for (std::size_t i = 0; i < CryptoStream::kMaxRuns; ++i) {
    REQUIRE(stream.add(i * 2, Octets{1}));
  }
  CHECK_FALSE(stream.add(CryptoStream::kMaxRuns * 2, Octets{1}));
  CHECK(stream.add(1, Octets{1}));  // joins two
  CHECK(stream.add(CryptoStream::kMaxRuns * 2, Octets{1}));
}

TEST_CASE("Host text: case, trailing dot and oddities", "[agent][sight]") {
  CHECK(host_text("APP.Asana.COM.") == "app.asana.com");
  CHECK(host_text("192.0.2.1") == "192.0.2.1");
  CHECK(host_text("2001:DB8::1") == "2001:db8::1");
  CHECK(host_text("*.example.com") == "*.example.com");
  CHECK_FALSE(host_text(""));
  CHECK_FALSE(host_text("."));
  CHECK_FALSE(host_text("a b"));
  CHECK_FALSE(host_text("a\"b"));
  CHECK_FALSE(host_text("a\\b"));
  CHECK_FALSE(
      host_text("b\xc3\xbc"
                "cher.example"));
  CHECK(host_text(std::string(253, 'a')));
  CHECK_FALSE(host_text(std::string(254, 'a')));
}

class Answers {
 public:
  explicit Answers(AnswerMemory::Limits limits = {})
      : memory(limits, {"front.example"}, counters) {}

  void address(std::string_view name, std::uint8_t last) {
    say(name, DnsBuilder{true}
                  .question(name)
                  .answer(name, dns::type::kA, Octets{192, 0, 2, last})
                  .build());
  }
  void service(std::string_view name, std::string_view public_name) {
    say(name, DnsBuilder{true}
                  .question(name, dns::type::kHttps)
                  .answer(name, dns::type::kHttps, https_data(public_name))
                  .build());
  }
  std::string hidden(std::uint8_t last, std::string_view public_name) {
    return memory.hidden_name(client, testing::endpoint_v4(last, 0).address, public_name, now)
        .value_or("none");
  }

  Counters counters;
  AnswerMemory memory;
  IpAddress client = testing::endpoint_v4(7, 0).address;
  WallTime now{std::chrono::hours{1000}};

 private:
  void say(std::string_view name, const Octets& message) {
    const auto view = dns::parse_message(message);
    REQUIRE(view);
    memory.remember(client, name, *view, now);
  }
};

TEST_CASE("Answers: a hidden name is given when it is the only one at its address",
          "[agent][sight]") {
  Answers answers;
  answers.address("secret.example", 1);
  CHECK(answers.hidden(1, "front.example") == "secret.example");
  CHECK(answers.hidden(2, "front.example") == "none");
  answers.address("other.example", 1);
  CHECK(answers.hidden(1, "front.example") == "none");
  answers.service("secret.example", "front.example");
  CHECK(answers.hidden(1, "front.example") == "secret.example");
  answers.service("other.example", "front.example");
  CHECK(answers.hidden(1, "front.example") == "none");
}

TEST_CASE("Answers: the public name is never its own secret, and old answers do not count",
          "[agent][sight]") {
  Answers answers;
  answers.address("front.example", 1);
  CHECK(answers.hidden(1, "front.example") == "none");
  answers.address("secret.example", 1);
  CHECK(answers.hidden(1, "front.example") == "secret.example");
  answers.now += AnswerMemory::kMemory + std::chrono::seconds{1};
  CHECK(answers.hidden(1, "front.example") == "none");
}

TEST_CASE("Answers: public names are those told and those announced", "[agent][sight]") {
  Answers answers;
  CHECK(answers.memory.is_public_name("front.example"));
  CHECK_FALSE(answers.memory.is_public_name("other-front.example"));
  answers.service("secret.example", "other-front.example");
  CHECK(answers.memory.is_public_name("other-front.example"));
  // A record whose owner is its own public name hides nothing.
  answers.service("open.example", "open.example");
  CHECK_FALSE(answers.memory.is_public_name("open.example"));
}

TEST_CASE("Answers: the tables stay at their limits and count what goes", "[agent][sight]") {
  Answers answers{AnswerMemory::Limits{4, 4}};
  for (std::uint8_t i = 1; i <= 10; ++i) {
    answers.address("secret.example", i);
    answers.service("s" + std::to_string(i) + ".example", "f" + std::to_string(i) + ".example");
  }
  CHECK(answers.counters.value("sight_evicted_total{table=\"answers\"}") == 6);
  CHECK(answers.counters.value("sight_evicted_total{table=\"ech\"}") == 12);
  CHECK(answers.hidden(1, "front.example") == "none");
  CHECK(answers.hidden(10, "front.example") == "secret.example");
}

TEST_CASE("Answers: an address with too many names tells nothing", "[agent][sight]") {
  Answers answers;
  answers.service("n1.example", "front.example");
  for (int i = 1; i <= 20; ++i) {
    answers.address("n" + std::to_string(i) + ".example", 1);
  }
  CHECK(answers.hidden(1, "front.example") == "none");
}

}  // namespace
}  // namespace gnomon
