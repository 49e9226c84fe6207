// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dag_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/dagmanager/test_graphs.h"

namespace weir::dagmanager {
namespace {

std::string document(int number) {
  return test_document({{.name = "node-" + std::to_string(number)}});
}

TEST(DagCache, ReadsADocumentOnce) {
  DagCache cache(1 << 20);
  const auto first = cache.read(document(1));
  const auto again = cache.read(document(1));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->get(), again->get());
  EXPECT_NE(cache.read(document(2))->get(), first->get());
  EXPECT_EQ((*first)->nodes.size(), 1U);
}

TEST(DagCache, KeepsNoFaults) {
  DagCache cache(1 << 20);
  for (int i = 0; i < 2; ++i) {
    const auto refused = cache.read("not json");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason(), "dag_not_json");
  }
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(DagCache, ForgetsTheOneLongestUnused) {
  const auto size = (*DagCache(1 << 20).read(document(1)))->bytes;
  DagCache cache(3 * size + size / 2);
  const auto one = *cache.read(document(1));
  const auto two = *cache.read(document(2));
  const auto three = *cache.read(document(3));
  EXPECT_EQ(cache.read(document(1))->get(), one.get());
  EXPECT_TRUE(cache.read(document(4)).ok());
  EXPECT_EQ(cache.read(document(1))->get(), one.get()) << "used a moment ago";
  EXPECT_EQ(cache.read(document(3))->get(), three.get());
  EXPECT_NE(cache.read(document(2))->get(), two.get()) << "the one longest unused";
  EXPECT_LE(cache.bytes(), 3 * size + size / 2);
}

TEST(DagCache, DoesNotKeepWhatWouldPushOutEverythingElse) {
  DagCache cache(16);
  EXPECT_TRUE(cache.read(document(1)).ok());
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(DagCache, IsSharedByThreads) {
  DagCache cache(1 << 16);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&cache] {
      for (int i = 0; i < 200; ++i) {
        const auto dag = cache.read(document(i % 17));
        ASSERT_TRUE(dag.ok());
        ASSERT_EQ((*dag)->nodes.front().name, "node-" + std::to_string(i % 17));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(cache.bytes(), std::size_t{1} << 16);
}

}  // namespace
}  // namespace weir::dagmanager
