// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/app.h"

namespace weir::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class CompletionTest : public testing::Test {
 protected:
  Completion at(const std::vector<std::string>& words) { return complete(*app_, words); }

  std::vector<std::string> words_at(const std::vector<std::string>& words) {
    std::vector<std::string> texts;
    for (const Completion::Word& word : at(words).words) texts.push_back(word.text);
    return texts;
  }

  Session session_;
  std::unique_ptr<CLI::App> app_ = make_app(session_);
};

TEST_F(CompletionTest, OffersTheCommandsThatHelpShows) {
  EXPECT_THAT(words_at({""}),
              UnorderedElementsAre("up", "down", "dagmanager", "service", "dag", "run", "task",
                                   "dataset", "dispatcher", "worker", "check", "doctor", "init",
                                   "config", "version", "completion", "man"));
}

TEST_F(CompletionTest, OffersWhatBeginsAsTheWord) {
  EXPECT_THAT(words_at({"dagm"}), ElementsAre("dagmanager"));
  EXPECT_THAT(words_at({"dagmanager", "s"}), UnorderedElementsAre("server", "submit", "snapshot"));
}

TEST_F(CompletionTest, KnowsTheSpellingOfTheSpecification) {
  EXPECT_EQ(words_at({"service", "dagmanager", ""}), words_at({"dagmanager", ""}));
}

TEST_F(CompletionTest, OffersOptionsOfTheCommandAndTheGlobalOnes) {
  const std::vector<std::string> options = words_at({"dagmanager", "diff", "--"});
  EXPECT_THAT(options, Contains("--file"));
  EXPECT_THAT(options, Contains("--offline"));
  EXPECT_THAT(options, Contains("--output"));
  EXPECT_THAT(words_at({"dagmanager", "submit", "--"}), Not(Contains("--offline")));
}

TEST_F(CompletionTest, OffersFilesAndFoldersWhereAnOptionTakesThem) {
  EXPECT_EQ(at({"dagmanager", "diff", "--file", ""}).kind, Completion::Kind::Files);
  EXPECT_EQ(at({"dagmanager", "diff", "--file", "=", "da"}).kind, Completion::Kind::Files)
      << "bash cuts --file=da in three";
  EXPECT_EQ(at({"up", "--state-dir", ""}).kind, Completion::Kind::Folders);
  EXPECT_EQ(at({"init", ""}).kind, Completion::Kind::Folders);
}

TEST_F(CompletionTest, OffersTheValuesOfAClosedSet) {
  EXPECT_THAT(words_at({"-o", ""}), ElementsAre("table", "text", "json"));
  EXPECT_THAT(words_at({"dagmanager", "diff", "-o", "j"}), ElementsAre("json"));
}

TEST_F(CompletionTest, IsNotConfusedByTheValueOfAnOption) {
  EXPECT_THAT(words_at({"dagmanager", "diff", "--strategy", "submit", "--offl"}),
              ElementsAre("--offline"));
  EXPECT_THAT(words_at({"dagmanager", "diff", "--offline", "--dry"}), ElementsAre("--dry-run"));
}

TEST_F(CompletionTest, OffersNothingWhereAnythingMayStand) {
  EXPECT_THAT(words_at({"dagmanager", "diff", "--strategy", ""}), IsEmpty());
}

TEST_F(CompletionTest, TellsTheKindThenAWordALine) {
  EXPECT_EQ(at({"config", ""}).text(),
            ":words\nshow\tPrint every key with its value in force, and whether the server would "
            "start on it\n");
}

TEST_F(CompletionTest, HasAScriptForEachShell) {
  EXPECT_THAT(std::string(completion_script("bash")), testing::HasSubstr("complete -F _weir weir"));
  EXPECT_THAT(std::string(completion_script("zsh")), testing::StartsWith("#compdef weir"));
  EXPECT_THAT(std::string(completion_script("fish")), testing::HasSubstr("complete -c weir"));
}

}  // namespace
}  // namespace weir::cli
