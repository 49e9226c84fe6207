// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/answer_cache.h"

#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace weir::dagmanager {
namespace {

/// An answer whose chunk has `size` bytes.
std::shared_ptr<const SettledAnswer> answer_of(std::size_t size, Epoch epoch = 1) {
  auto answer = std::make_shared<SettledAnswer>();
  answer->summary.epoch = epoch;
  const grpc::Slice slice(std::string(size, 'x'));
  answer->chunks.emplace_back(&slice, 1);
  return answer;
}

TEST(AnswerCache, FindsWhatWasKeptUntilItIsForgotten) {
  AnswerCache cache(100'000);
  cache.keep("a", answer_of(1000, 1));
  cache.keep("a", answer_of(1000, 2));
  ASSERT_NE(cache.find("a"), nullptr);
  EXPECT_EQ(cache.find("a")->summary.epoch, 2);
  EXPECT_EQ(cache.find("b"), nullptr);
  cache.forget("a");
  EXPECT_EQ(cache.find("a"), nullptr);
}

TEST(AnswerCache, TheOneLongestUnusedGoesFirst) {
  AnswerCache cache(40'000);
  cache.keep("a", answer_of(15'000));
  cache.keep("b", answer_of(15'000));
  EXPECT_NE(cache.find("a"), nullptr);
  cache.keep("c", answer_of(15'000));
  EXPECT_NE(cache.find("a"), nullptr);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("c"), nullptr);
}

TEST(AnswerCache, AnAnswerThatWouldFillHalfOfItIsNotKept) {
  AnswerCache cache(40'000);
  cache.keep("a", answer_of(21'000));
  EXPECT_EQ(cache.find("a"), nullptr);
}

TEST(AnswerCache, CountsFindingsAndChunks) {
  SettledAnswer answer;
  const std::size_t empty = answer.bytes();
  answer.findings.push_back({"E_NODE_ID_MISMATCH", "/nodes/1", std::string(100, 't'), false});
  EXPECT_GE(answer.bytes(), empty + 100 + sizeof(graph::IdentityFinding));
  const std::size_t found = answer.bytes();
  const grpc::Slice slice(std::string(5000, 'x'));
  answer.chunks.emplace_back(&slice, 1);
  EXPECT_GE(answer.bytes(), found + 5000);
}

}  // namespace
}  // namespace weir::dagmanager
