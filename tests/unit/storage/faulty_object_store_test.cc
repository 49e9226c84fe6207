// SPDX-License-Identifier: Apache-2.0
#include "storage/faulty_object_store.h"

#include <gtest/gtest.h>

#include "tests/conformance/storage/store_engines.h"

namespace weir::storage {
namespace {

class FaultyObjectStoreTest : public testing::Test {
 protected:
  FaultyObjectStore faulty(ObjectFaults faults, int faults_max = 1) {
    return {inner_, random_, faults, faults_max};
  }
  template <class T>
  static std::string reason_of(const Result<T>& result) {
    return result.ok() ? "ok" : result.error().reason();
  }

  test::MemoryStore engine_;
  ObjectStore& inner_ = engine_.store();
  base::SeededRandom random_{9};
  const ObjectKey key_ = *ObjectKey::parse("a/x");
};

TEST_F(FaultyObjectStoreTest, LosesACallBeforeItIsCarriedOut) {
  auto store = faulty({.call_lost = 100});
  EXPECT_EQ(reason_of(put_text(store, key_, "1")), "store_unavailable");
  EXPECT_EQ(reason_of(get_text(inner_, key_, 10)), "object_not_found");
  EXPECT_EQ(reason_of(put_text(store, key_, "1")), "ok") << "faults have an end";
}

TEST_F(FaultyObjectStoreTest, LosesAReplyAfterTheCallWasCarriedOut) {
  auto store = faulty({.reply_lost = 100});
  EXPECT_EQ(reason_of(put_text(store, key_, "1")), "store_unavailable");
  EXPECT_EQ(*get_text(inner_, key_, 10), "1");
  EXPECT_EQ(reason_of(put_text(store, key_, "1")), "ok");
}

TEST_F(FaultyObjectStoreTest, ShowsANewObjectLate) {
  auto store = faulty({.seen_late = 100, .late_reads = 3});
  EXPECT_EQ(reason_of(put_text(store, key_, "1")), "ok");
  int reads = 1;
  while (reason_of(store.stat(key_, Checksum::Skip)) == "object_not_found") ++reads;
  EXPECT_GT(reads, 1);
  EXPECT_LE(reads, 4);
}

TEST_F(FaultyObjectStoreTest, CutsAndThinsListings) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(put_text(inner_, *ObjectKey::parse("a/" + std::to_string(i)), "1").ok());
  }
  const ObjectPrefix under = *ObjectPrefix::parse("a/");
  auto cut = faulty({.list_short = 100});
  const auto page = cut.list(under, {});
  EXPECT_LT(page->objects.size(), 10U);
  ASSERT_FALSE(page->next_after.empty());
  const auto rest = cut.list(under, {.after = page->next_after});
  EXPECT_EQ(page->objects.size() + rest->objects.size(), 10U) << "nothing is lost between pages";
  auto thin = faulty({.list_holes = 100}, 4);
  EXPECT_EQ(thin.list(under, {})->objects.size(), 6U);
  EXPECT_EQ(thin.list(under, {})->objects.size(), 10U);
}

}  // namespace
}  // namespace weir::storage
