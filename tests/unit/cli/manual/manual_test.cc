// SPDX-License-Identifier: Apache-2.0
#include "cli/manual/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/Option.hpp>

#include "cli/app.h"
#include "cli/manual/option_text.h"
#include "cli/manual/roff.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class ManualTest : public testing::Test {
 protected:
  /// The page of a command by its name; a fault of the test if there is none.
  std::string page(const std::string& name) const {
    for (const ManualPage& page : pages_) {
      if (page.file == name + ".1") return page.text;
    }
    ADD_FAILURE() << "no page " << name;
    return {};
  }

  void expect_pages_below(const CLI::App& command, const std::string& path) {
    const auto below = command.get_subcommands({});
    for (const CLI::App* next : below) {
      if (next->get_group().empty() || next->get_name() == "service") continue;
      expect_pages_below(*next, path + " " + next->get_name());
    }
    if (!below.empty()) return;
    ++commands_;
    std::string name = path;
    std::ranges::replace(name, ' ', '-');
    const std::string text = page(name);
    EXPECT_THAT(text, HasSubstr(roff_text(command.get_description()))) << name;
    EXPECT_THAT(page("weir"), HasSubstr(".TP\n" + roff_bold(path) + "\n"));
    EXPECT_THAT(page("weir"), HasSubstr(".BR " + roff_text(name) + " (1)"));
    for (const CLI::Option* option : command.get_options()) {
      if (!option_is_listed(*option)) continue;
      EXPECT_THAT(text, HasSubstr(".TP\n" + roff_bold(option_usage(*option)) + "\n" +
                                  roff_text(option->get_description())))
          << name;
    }
    expect_exit_codes(command, text);
  }

  /// What the footer says of exit codes is under EXIT STATUS, and nowhere else.
  static void expect_exit_codes(const CLI::App& command, const std::string& text) {
    const std::string footer = command.get_footer();
    const std::size_t at = footer.find("Exit code: ");
    const std::string exits = at == std::string::npos
                                  ? "0 done, 1 failed, 2 usage or configuration."
                                  : footer.substr(at + std::string_view("Exit code: ").size());
    EXPECT_THAT(text, HasSubstr(".SH \"EXIT STATUS\"\n" + roff_text(exits) + "\n"));
    EXPECT_THAT(text, Not(HasSubstr("Exit code:")));
  }

  Session session_;
  std::unique_ptr<CLI::App> app_ = make_app(session_);
  std::vector<ManualPage> pages_ = manual_pages(*app_, "1.2.3");
  std::size_t commands_ = 0;
};

TEST_F(ManualTest, HasEveryCommandFlagAndExitCodeThatHelpShowsAndNoMore) {
  expect_pages_below(*app_, "weir");
  EXPECT_EQ(pages_.size(), commands_ + 1);
  EXPECT_GE(commands_, 40U);
}

TEST_F(ManualTest, FirstPageHasTheOptionsOfEveryCommand) {
  EXPECT_THAT(page("weir"), HasSubstr("\\fB\\-o, \\-\\-output table|text|json\\fR"));
  EXPECT_THAT(page("weir"), HasSubstr("weir \\- a control plane for versioned dataflow graphs\n"));
  EXPECT_THAT(page("weir"), HasSubstr("\"weir 1.2.3\""));
}

TEST_F(ManualTest, ExplainsWhatAFooterSaysBesideExitCodes) {
  const std::string text = page("weir-dagmanager-lint");
  EXPECT_THAT(text, HasSubstr("A finding has a rule, L01 to L16"));
  EXPECT_LT(text.find("A finding has a rule"), text.find(".SH OPTIONS"));
  EXPECT_THAT(text, HasSubstr("EXIT STATUS\"\n0; 1 if the file cannot be read"));
}

TEST_F(ManualTest, SynopsisHasWhatIsRequired) {
  EXPECT_THAT(page("weir-dagmanager-diff"),
              HasSubstr("\\fBweir dagmanager diff\\fR [OPTION ...] \\-\\-file FILE\n"));
  EXPECT_THAT(page("weir-init"), HasSubstr("\\fBweir init\\fR [OPTION ...] [DIR]\n"));
}

TEST(Roff, ShowsTextAsItIs) {
  EXPECT_EQ(roff_text(".weir `a-b` c\\d"), "\\&.weir \\fBa\\-b\\fR c\\(rsd");
  EXPECT_EQ(roff_text("it's “…”\nand on"), "it\\(aqs \\[u201C]\\[u2026]\\[u201D] and on");
  EXPECT_EQ(roff_argument("a \"b\""), "\"a \\(dqb\\(dq\"");
  EXPECT_EQ(roff_paragraphs("one\n\n.two"), "one\n.PP\n\\&.two\n");
  EXPECT_EQ(roff_text("an `open"), "an \\fBopen\\fR");
}

}  // namespace
}  // namespace weir::cli
