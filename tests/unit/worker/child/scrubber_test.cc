// SPDX-License-Identifier: Apache-2.0
#include "worker/child/scrubber.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::worker {
namespace {

TEST(Scrubber, TakesASecretOutOfOnePiece) {
  Scrubber scrubber({"canary"});
  EXPECT_EQ(scrubber.feed("the canary sings\n") + scrubber.finish(), "the *** sings\n");
}

TEST(Scrubber, TakesASecretThatComesByteByByte) {
  Scrubber scrubber({"canary"});
  std::string shown;
  for (const char letter : std::string("a cancanary canar")) shown += scrubber.feed({&letter, 1});
  EXPECT_EQ(shown + scrubber.finish(), "a can*** canar");
}

TEST(Scrubber, PrefersTheLongerOfTwoSecretsThatBeginAlike) {
  Scrubber scrubber({"canary", "canary-song"});
  std::string shown = scrubber.feed("canary");
  shown += scrubber.feed("-song, canary.");
  EXPECT_EQ(shown + scrubber.finish(), "***, ***.");
}

TEST(Scrubber, HoldsNothingBackThatCannotBecomeASecret) {
  Scrubber scrubber({"canary"});
  EXPECT_EQ(scrubber.feed("progress 10 %"), "progress 10 %");
}

TEST(Scrubber, LeavesTextsAloneThatAreTooShortForASecret) {
  Scrubber scrubber({"ab"});
  EXPECT_EQ(scrubber.feed("cabin") + scrubber.finish(), "cabin");
}

}  // namespace
}  // namespace weir::worker
