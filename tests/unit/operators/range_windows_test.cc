// SPDX-License-Identifier: Apache-2.0
#include "operators/range_windows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "operators/range_chunks.h"
#include "tests/unit/operators/payloads.h"

namespace weir::operators {
namespace {

using test::reason_of;

constexpr std::size_t kPage = 3;

WindowEvent event(std::int64_t seq, std::int64_t cursor) {
  return {.task = "task " + std::to_string(seq), .seq = seq, .cursor = cursor};
}

/// What a model of the whole log says: windows of each event, without state.
std::vector<Batch> expected_windows(const WindowConfig& config,
                                    const std::vector<WindowEvent>& log) {
  std::vector<WindowEvent> kept;
  for (const WindowEvent& each : log) {
    if (kept.empty() || each.cursor > kept.back().cursor) kept.push_back(each);
  }
  std::vector<Batch> batches;
  if (config.mode == WindowMode::Count) {
    const auto size = static_cast<std::size_t>(config.size);
    for (std::size_t at = 0; at + size <= kept.size(); at += size) {
      batches.push_back({.number = static_cast<std::int64_t>(at / size),
                         .range = {.start = kept[at].cursor, .end = kept[at + size - 1].cursor},
                         .count = config.size,
                         .first_seq = kept[at].seq,
                         .last_seq = kept[at + size - 1].seq});
    }
    return batches;
  }
  std::int64_t start = config.origin;
  while (start > kept.front().cursor) start -= config.size;
  while (start + config.size <= kept.front().cursor) start += config.size;
  for (; start + config.size - 1 <= kept.back().cursor; start += config.size) {
    Batch batch{.number = static_cast<std::int64_t>(batches.size()),
                .range = {.start = start, .end = start + config.size - 1}};
    for (const WindowEvent& each : kept) {
      if (each.cursor < batch.range.start || each.cursor > batch.range.end) continue;
      if (batch.count++ == 0) batch.first_seq = each.seq;
      batch.last_seq = each.seq;
    }
    batches.push_back(batch);
  }
  return batches;
}

/// Runs a log as the dispatcher does: in order, but with attempts that die between two pages or
/// after the last, with repeats, and (of ordered tasks) attempts that fail for good half way.
std::vector<Batch> run_with_faults(const WindowConfig& config, const std::vector<WindowEvent>& log,
                                   std::uint64_t seed) {
  base::SeededRandom random(seed);
  WindowState state;
  std::vector<Batch> emitted;
  for (const WindowEvent& each : log) {
    for (;;) {
      const auto step = add_event(config, state, each, kPage);
      EXPECT_TRUE(step.ok());
      bool died = false;
      for (const auto& page : step->pages) {
        if (random.chance(20)) {
          died = true;
          break;
        }
        emitted.insert(emitted.end(), page.batches.begin(), page.batches.end());
        state = page.state;
      }
      if (!died && !random.chance(10)) break;
      // The last attempt failed: the task is over, the next event comes.
      if (died && &each != &log.back() && each.task == state.high_task && random.chance(30)) break;
    }
  }
  return emitted;
}

std::vector<WindowEvent> random_log(base::SeededRandom& random, std::size_t events) {
  std::vector<WindowEvent> log;
  std::int64_t cursor = static_cast<std::int64_t>(random.below(200)) - 100;
  for (std::size_t i = 0; i < events; ++i) {
    log.push_back(event(static_cast<std::int64_t>(i) + 1, cursor));
    const auto jump = static_cast<std::int64_t>(random.below(random.chance(10) ? 300 : 4));
    cursor += random.chance(8) ? -jump : jump;  // sometimes back, or the same again
  }
  return log;
}

TEST(RangeWindows, AreAFunctionOfTheConfigAndTheEventLog) {  // I37, B20
  base::SeededRandom random(20);
  for (int round = 0; round < 400; ++round) {
    const WindowConfig config{.mode = round % 3 == 0 ? WindowMode::Count : WindowMode::Range,
                              .size = static_cast<std::int64_t>(random.below(20)) + 1,
                              .origin = static_cast<std::int64_t>(random.below(50)) - 25,
                              .cursor_column = "c"};
    const auto log = random_log(random, 60);
    EXPECT_EQ(run_with_faults(config, log, random.next()), expected_windows(config, log))
        << "round " << round;
  }
}

TEST(RangeWindows, OfTenThousandUnitsAreTheSameAfterAnyHistory) {  // B20
  const WindowConfig config{.size = 10'000, .cursor_column = "block"};
  std::vector<WindowEvent> log;
  for (std::int64_t i = 0; i < 5000; ++i) log.push_back(event(i + 1, i * 50));
  const auto expected = expected_windows(config, log);
  ASSERT_EQ(expected.size(), 24U);  // the last one is open: its end is 249,999
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(run_with_faults(config, log, seed), expected);
  }
}

TEST(RangeWindows, CloseWhenTheHighestCursorReachesTheirEnd) {
  const WindowConfig config{.size = 10, .cursor_column = "c"};
  WindowState state;
  const auto inside = add_event(config, state, event(1, 3), kPage);
  ASSERT_EQ(inside->pages.size(), 1U);
  EXPECT_TRUE(inside->pages[0].batches.empty());
  const auto end = add_event(config, inside->pages[0].state, event(2, 9), kPage);
  ASSERT_EQ(end->pages.at(0).batches.size(), 1U);
  EXPECT_EQ(end->pages[0].batches[0], (Batch{.number = 0,
                                             .range = {.start = 0, .end = 9},
                                             .count = 2,
                                             .first_seq = 1,
                                             .last_seq = 2}));
}

TEST(RangeWindows, OfAJumpAreEachEmittedInPages) {
  const WindowConfig config{.size = 10, .cursor_column = "c"};
  const auto first = add_event(config, {}, event(1, -5), kPage);
  const auto jump = add_event(config, first->pages[0].state, event(2, 65), kPage);
  ASSERT_TRUE(jump.ok());
  ASSERT_EQ(jump->pages.size(), 3U);  // 7 windows, 3 a page
  EXPECT_EQ(jump->pages[0].batches[0].range, (CursorRange{.start = -10, .end = -1}));
  EXPECT_EQ(jump->pages[0].batches[1].count, 0);
  EXPECT_FALSE(jump->pages[1].state.settled);
  EXPECT_TRUE(jump->pages[2].state.settled);
  EXPECT_EQ(jump->pages[2].state.count, 1);  // the event that jumped is in the open window
}

TEST(RangeWindows, TellARetryFromAnEventOutOfOrder) {
  const WindowConfig config{.size = 10, .cursor_column = "c"};
  const auto first = add_event(config, {}, event(5, 7), kPage);
  const WindowState state = first->pages[0].state;
  EXPECT_FALSE(first->out_of_order);
  const auto retry = add_event(config, state, event(5, 7), kPage);
  EXPECT_FALSE(retry->out_of_order);
  EXPECT_TRUE(retry->pages.empty());
  const auto same = add_event(config, state, event(6, 7), kPage);
  EXPECT_TRUE(same->out_of_order);
  EXPECT_TRUE(add_event(config, state, event(7, 2), kPage)->out_of_order);
  EXPECT_TRUE(same->pages.empty());
}

TEST(RangeWindows, RefuseWhatNoNumberOfTheWireHolds) {
  const WindowConfig config{.size = 10, .cursor_column = "c"};
  EXPECT_EQ(reason_of(add_event(config, {}, event(1, std::int64_t{1} << 60), kPage)),
            "cursor_out_of_range");
  const auto first = add_event(config, {}, event(1, 0), kPage);
  EXPECT_EQ(reason_of(add_event(config, first->pages[0].state, event(2, 10'000'000), kPage)),
            "too_many_windows");
}

TEST(WindowConfig, IsReadFromTheJob) {
  const auto range = WindowConfig::parse(R"({"cursor_column":"c","range_size":5,"origin":-2})");
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->size, 5);
  EXPECT_EQ(range->origin, -2);
  EXPECT_EQ(WindowConfig::parse(R"({"cursor_column":"c","mode":"count","batch_size":3})")->mode,
            WindowMode::Count);
  EXPECT_FALSE(WindowConfig::parse(R"({"cursor_column":"c"})").ok());
  EXPECT_FALSE(WindowConfig::parse(R"({"cursor_column":"c","range_size":0})").ok());
  EXPECT_FALSE(WindowConfig::parse(R"({"cursor_column":"c","range_size":1,"mode":"sum"})").ok());
}

TEST(RangeChunks, OfEachWindowCoverItExactlyOnce) {  // I38
  base::SeededRandom random(38);
  for (int round = 0; round < 300; ++round) {
    const auto size = static_cast<std::int64_t>(random.below(50)) + 1;
    const WindowConfig config{.size = size * 10, .cursor_column = "c"};
    for (const Batch& batch : expected_windows(config, random_log(random, 40))) {
      const auto chunks = RangeChunks::of(batch.range, round % 2 == 0 ? size : config.size);
      ASSERT_TRUE(chunks.ok());
      std::int64_t next = batch.range.start;
      for (std::int64_t i = 0; i < chunks->count(); ++i) {
        EXPECT_EQ(chunks->at(i).start, next);
        EXPECT_GE(chunks->at(i).end, chunks->at(i).start);
        next = chunks->at(i).end + 1;
      }
      EXPECT_EQ(next, batch.range.end + 1);
    }
  }
}

TEST(RangeChunks, EndWithAShortOneWhereTheRangeIsNoMultiple) {
  const auto chunks = RangeChunks::of({.start = 5, .end = 27}, 10);
  ASSERT_TRUE(chunks.ok());
  EXPECT_EQ(chunks->count(), 3);
  EXPECT_EQ(chunks->at(2), (CursorRange{.start = 25, .end = 27}));
}

TEST(RangeChunks, AreBounded) {
  EXPECT_TRUE(RangeChunks::of({.start = 0, .end = 99'999}, 1).ok());
  EXPECT_EQ(reason_of(RangeChunks::of({.start = 0, .end = 100'000}, 1)), "too_many_chunks");
  EXPECT_EQ(reason_of(RangeChunks::of({.start = 0, .end = 9}, 0)), "config_invalid");
  EXPECT_EQ(reason_of(RangeChunks::of({.start = 9, .end = 0}, 1)), "cursor_out_of_range");
}

}  // namespace
}  // namespace weir::operators
