// SPDX-License-Identifier: Apache-2.0
#include "storage/object_store.h"

#include <gmock/gmock.h>

#include <array>
#include <set>
#include <thread>

#include "base/blake3.h"
#include "storage/limits.h"
#include "tests/conformance/storage/store_engines.h"

namespace weir::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Adapter { Memory, Folder, Faultless };

std::unique_ptr<test::StoreEngine> make_engine(Adapter adapter) {
  if (adapter == Adapter::Memory) return std::make_unique<test::MemoryStore>();
  if (adapter == Adapter::Folder) return std::make_unique<test::FolderStore>();
  return std::make_unique<test::FaultlessStore>();
}

ObjectKey key(std::string_view text) {
  auto parsed = ObjectKey::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return *parsed;
}

ObjectPrefix prefix(std::string_view text) {
  auto parsed = ObjectPrefix::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return *parsed;
}

template <class T>
std::string reason_of(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().reason();
}

class ObjectStoreTest : public testing::TestWithParam<Adapter> {
 protected:
  ObjectStoreTest() : engine_(make_engine(GetParam())), store_(engine_->store()) {}

  std::string put(std::string_view name, std::string_view bytes,
                  Existing existing = Existing::Refuse) {
    return reason_of(put_text(store_, key(name), bytes, {.existing = existing}));
  }
  std::string text(std::string_view name) {
    const auto got = get_text(store_, key(name), 1 << 20);
    return got.ok() ? *got : got.error().reason();
  }
  std::vector<std::string> listed(std::string_view under, std::size_t limit = kObjectPageMax) {
    std::vector<std::string> keys;
    ListOptions options{.after = {}, .limit = limit};
    for (int pages = 0; pages < 1000; ++pages) {
      const auto page = store_.list(prefix(under), options);
      EXPECT_EQ(reason_of(page), "ok");
      if (!page.ok()) break;
      EXPECT_LE(page->objects.size(), limit);
      for (const ListedObject& object : page->objects) keys.push_back(object.key.text());
      if (page->next_after.empty()) return keys;
      EXPECT_GT(page->next_after, options.after);
      options.after = page->next_after;
    }
    ADD_FAILURE() << "the listing has no end";
    return keys;
  }

  std::unique_ptr<test::StoreEngine> engine_;
  ObjectStore& store_;
};

TEST_P(ObjectStoreTest, GivesBackWhatWasPut) {
  std::string bytes(700'001, '\0');
  base::SeededRandom random(3);
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  const auto stat = put_text(store_, key("a/b/c.parquet"), bytes);
  ASSERT_EQ(reason_of(stat), "ok");
  EXPECT_EQ(stat->size, bytes.size());
  EXPECT_EQ(stat->sha256, base::sha256_hex(bytes));
  EXPECT_EQ(text("a/b/c.parquet"), bytes);
  const auto seen = store_.stat(key("a/b/c.parquet"), Checksum::Read);
  ASSERT_EQ(reason_of(seen), "ok");
  EXPECT_EQ(seen->size, bytes.size());
  EXPECT_EQ(seen->sha256, stat->sha256);
  EXPECT_THAT(store_.stat(key("a/b/c.parquet"), Checksum::Skip)->sha256, IsEmpty());
}

TEST_P(ObjectStoreTest, KeepsAnEmptyObject) {
  EXPECT_EQ(put("a/_SUCCESS", ""), "ok");
  EXPECT_EQ(store_.stat(key("a/_SUCCESS"), Checksum::Skip)->size, 0U);
  EXPECT_EQ(text("a/_SUCCESS"), "");
}

TEST_P(ObjectStoreTest, GivesTheBytesOfARange) {
  put("a/x", "0123456789");
  const auto range = [&](std::uint64_t offset, std::size_t length) {
    const auto got = store_.get(key("a/x"), {.offset = offset, .length = length});
    return got.ok() ? *got : got.error().reason();
  };
  EXPECT_EQ(range(0, 3), "012");
  EXPECT_EQ(range(4, 2), "45");
  EXPECT_EQ(range(8, 100), "89");
  EXPECT_EQ(range(10, 1), "");
  EXPECT_EQ(range(std::uint64_t{1} << 60, 1), "");
  EXPECT_EQ(range(3, 0), "");
  EXPECT_EQ(range(0, kRangeBytesMax + 1), "range_invalid");
}

TEST_P(ObjectStoreTest, SaysThatAnObjectIsNotThere) {
  put("a/x/y", "1");
  for (const char* name : {"a/z", "b", "b/c/d", "a/x", "a", "a/x/y/z"}) {
    EXPECT_EQ(text(name), "object_not_found") << name;
    EXPECT_EQ(reason_of(store_.stat(key(name), Checksum::Read)), "object_not_found") << name;
    EXPECT_EQ(reason_of(store_.remove(key(name))), "ok") << name;
  }
  EXPECT_EQ(text("a/x/y"), "1");
}

TEST_P(ObjectStoreTest, RefusesOtherBytesUnderTheSameName) {
  EXPECT_EQ(put("a/x", "one"), "ok");
  EXPECT_EQ(put("a/x", "one"), "ok") << "a repeat";
  EXPECT_EQ(put("a/x", "two"), "object_exists");
  EXPECT_EQ(put("a/x", "onf"), "object_exists") << "of the same size";
  EXPECT_EQ(text("a/x"), "one");
}

TEST_P(ObjectStoreTest, ReplacesAnObjectWhereItMay) {
  EXPECT_EQ(put("a/x", "one", Existing::Replace), "ok");
  EXPECT_EQ(put("a/x", "another", Existing::Replace), "ok");
  EXPECT_EQ(text("a/x"), "another");
}

TEST_P(ObjectStoreTest, PutsNothingIfTheBytesAreNotTheAnnouncedOnes) {
  EXPECT_EQ(reason_of(put_text(store_, key("a/x"), "abc", {.sha256 = base::sha256_hex("abd")})),
            "source_changed");
  EXPECT_EQ(text("a/x"), "object_not_found");
  EXPECT_EQ(reason_of(put_text(store_, key("a/x"), "abc", {.sha256 = base::sha256_hex("abc")})),
            "ok");
}

/// Gives fewer bytes than it says, or fails half-way.
class BadSource final : public ByteSource {
 public:
  explicit BadSource(bool fails) : fails_(fails) {}
  std::uint64_t size() const override { return 100; }
  Result<std::size_t> read(std::span<char> into) override {
    if (at_++ == 0) {
      into[0] = 'x';
      return std::size_t{1};
    }
    if (fails_) return base::unavailable("source_unreadable", "half-way");
    return std::size_t{0};
  }
  Result<void> rewind() override {
    at_ = 0;
    return {};
  }

 private:
  bool fails_;
  int at_ = 0;
};

TEST_P(ObjectStoreTest, PutsNothingIfTheSourceBreaksOff) {
  BadSource fails(true);
  BadSource is_short(false);
  EXPECT_EQ(reason_of(store_.put(key("a/x"), fails, {})), "source_unreadable");
  EXPECT_EQ(reason_of(store_.put(key("a/x"), is_short, {})), "source_changed");
  EXPECT_EQ(text("a/x"), "object_not_found");
  EXPECT_THAT(listed("a/"), IsEmpty());
}

TEST_P(ObjectStoreTest, RefusesAKeyAboveOrBelowAnother) {
  put("a/b", "1");
  EXPECT_EQ(put("a/b/c", "2"), "key_conflict");
  EXPECT_EQ(put("a", "2"), "key_conflict");
  EXPECT_EQ(put("a", "2", Existing::Replace), "key_conflict");
  EXPECT_EQ(text("a/b"), "1");
}

TEST_P(ObjectStoreTest, ListsByTheBytesOfKeys) {
  for (const char* name : {"p/a/b", "p/a-b", "p/a.b", "p/a/_c", "p/A", "p/a0", "p/b/c/d", "pq/x"}) {
    EXPECT_EQ(put(name, name), "ok");
  }
  const auto all = ElementsAre("p/A", "p/a-b", "p/a.b", "p/a/_c", "p/a/b", "p/a0", "p/b/c/d");
  EXPECT_THAT(listed("p/"), all);
  for (std::size_t limit = 1; limit <= 8; ++limit) EXPECT_THAT(listed("p/", limit), all) << limit;
  EXPECT_THAT(listed("p/a/"), ElementsAre("p/a/_c", "p/a/b"));
  EXPECT_THAT(listed("p/a/b/"), IsEmpty()) << "an object is no prefix";
  EXPECT_THAT(listed("nowhere/at/all/"), IsEmpty());
  const auto page = store_.list(prefix("p/"), {.after = "p/a-z", .limit = 2});
  ASSERT_EQ(page->objects.size(), 2U);
  EXPECT_EQ(page->objects[0].key.text(), "p/a.b");
  EXPECT_EQ(page->objects[0].size, 5U);
  EXPECT_GT(page->objects[0].modified, Instant(std::chrono::hours(24 * 365 * 30)));
  EXPECT_EQ(reason_of(store_.list(prefix("p/"), {.after = "", .limit = 0})), "range_invalid");
  EXPECT_EQ(reason_of(store_.list(prefix("p/"), {.after = "", .limit = kObjectPageMax + 1})),
            "range_invalid");
}

TEST_P(ObjectStoreTest, ListsAnyTreeInPagesAsAtOnce) {
  base::SeededRandom random(11);
  std::set<std::string> names;
  constexpr std::string_view kLetters = "-.0A_az";
  for (int i = 0; i < 150; ++i) {
    std::string name = "p";
    for (std::uint64_t depth = 0; depth <= random.below(3); ++depth) {
      name += "/x";
      for (int c = 0; c < 2; ++c) name += kLetters[random.below(kLetters.size())];
    }
    if (put(name, "1") == "ok") names.insert(name);
  }
  for (const std::size_t limit : {1U, 7U, 1000U}) {
    EXPECT_EQ(listed("p/", limit), std::vector<std::string>(names.begin(), names.end()));
  }
}

TEST_P(ObjectStoreTest, RemovesAnObject) {
  put("a/x", "1");
  put("a/y", "2");
  EXPECT_EQ(reason_of(store_.remove(key("a/x"))), "ok");
  EXPECT_EQ(reason_of(store_.remove(key("a/x"))), "ok") << "a repeat";
  EXPECT_EQ(text("a/x"), "object_not_found");
  EXPECT_EQ(put("a/x", "other"), "ok") << "the name is free";
}

TEST_P(ObjectStoreTest, RemovesAPrefixInBoundedSteps) {
  for (int i = 0; i < 7; ++i) put("a/b/" + std::to_string(i), "1");
  put("a/b0", "2");
  put("a/bc/d", "3");
  const auto first = store_.remove_prefix(prefix("a/b/"), 3);
  EXPECT_EQ(first->removed, 3U);
  EXPECT_FALSE(first->done);
  std::size_t removed = first->removed;
  for (bool done = false; !done;) {
    const auto next = store_.remove_prefix(prefix("a/b/"), 3);
    ASSERT_EQ(reason_of(next), "ok");
    removed += next->removed;
    done = next->done;
  }
  EXPECT_EQ(removed, 7U);
  EXPECT_THAT(listed("a/"), ElementsAre("a/b0", "a/bc/d")) << "siblings stay";
  EXPECT_EQ(put("a/b", "now an object"), "ok");
  EXPECT_EQ(reason_of(store_.remove_prefix(prefix("a/b/"), 0)), "range_invalid");
}

TEST_P(ObjectStoreTest, LetsOneOfManyWritersOfANameWin) {
  constexpr int kWriters = 8;
  constexpr int kRounds = 20;
  std::array<std::array<bool, kRounds>, kWriters> won{};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int round = 0; round < kRounds; ++round) {
        won[static_cast<std::size_t>(writer)][static_cast<std::size_t>(round)] =
            put("race/" + std::to_string(round), "by " + std::to_string(writer)) == "ok";
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (int round = 0; round < kRounds; ++round) {
    int winners = 0;
    for (int writer = 0; writer < kWriters; ++writer) {
      if (!won[static_cast<std::size_t>(writer)][static_cast<std::size_t>(round)]) continue;
      ++winners;
      EXPECT_EQ(text("race/" + std::to_string(round)), "by " + std::to_string(writer));
    }
    EXPECT_EQ(winners, 1) << "round " << round;
  }
}

TEST_P(ObjectStoreTest, ShowsReadersOneWholeObjectWhileOthersReplaceIt) {
  const auto content = [](int n) { return std::string(10'000, static_cast<char>('a' + n)); };
  put("a/x", content(0));
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 15; ++i) EXPECT_EQ(put("a/x", content(writer), Existing::Replace), "ok");
    });
  }
  for (int reads = 0; reads < 100; ++reads) {
    const std::string got = text("a/x");
    EXPECT_EQ(got, content(got[0] - 'a'));
  }
  for (std::thread& writer : writers) writer.join();
}

TEST_P(ObjectStoreTest, PutsWhileTheFolderIsRemovedUnderIt) {
  std::thread remover([&] {
    for (int i = 0; i < 60; ++i) EXPECT_EQ(reason_of(store_.remove_prefix(prefix("a/"), 10)), "ok");
  });
  for (int i = 0; i < 40; ++i) EXPECT_EQ(put("a/b/c/" + std::to_string(i), "1"), "ok");
  remover.join();
  EXPECT_EQ(put("a/b/c/last", "1"), "ok");
  EXPECT_EQ(text("a/b/c/last"), "1");
}

TEST_P(ObjectStoreTest, AnswersAPing) { EXPECT_EQ(reason_of(store_.ping()), "ok"); }

std::string adapter_name(const testing::TestParamInfo<Adapter>& info) {
  switch (info.param) {
    case Adapter::Memory:
      return "Memory";
    case Adapter::Folder:
      return "Folder";
    case Adapter::Faultless:
      return "Faultless";
  }
  return "unknown";
}

INSTANTIATE_TEST_SUITE_P(Adapters, ObjectStoreTest,
                         testing::Values(Adapter::Memory, Adapter::Folder, Adapter::Faultless),
                         adapter_name);

}  // namespace
}  // namespace weir::storage
