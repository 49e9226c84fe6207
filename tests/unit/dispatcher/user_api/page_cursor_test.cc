// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/page_cursor.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "base/base64.h"
#include "dispatcher/user_api/limits.h"

namespace weir::dispatcher {
namespace {

constexpr const char* kSomeId = "01970000-0000-7000-8000-000000000001";
constexpr std::array kForms = {PageKeyForm::Text, PageKeyForm::Number, PageKeyForm::Id,
                               PageKeyForm::InstantAndId, PageKeyForm::InstantAndNumber};

PageKey key_of(PageKeyForm form) {
  switch (form) {
    case PageKeyForm::Text:
      return {.number = 0, .text = "btc:é/usd"};
    case PageKeyForm::Number:
      return {.number = 42, .text = ""};
    case PageKeyForm::Id:
      return {.number = 0, .text = kSomeId};
    case PageKeyForm::InstantAndId:
      return {.number = 1'795'000'000'123'456, .text = kSomeId};
    case PageKeyForm::InstantAndNumber:
      return {.number = 1'795'000'000'123'456, .text = "17"};
  }
  return {};
}

bool reads(PageKeyForm form, std::string_view bytes) {
  const auto key = read_page_cursor(form, base::encode_base64url(bytes));
  if (!key.ok()) {
    EXPECT_EQ(key.error().reason(), "invalid_request");
    EXPECT_EQ(key.error().code(), Code::InvalidArgument);
  }
  return key.ok();
}

TEST(PageCursor, ComesBackAsItWasWritten) {
  for (const PageKeyForm form : kForms) {
    const auto read = read_page_cursor(form, write_page_cursor(form, key_of(form)));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, key_of(form));
  }
}

TEST(PageCursor, OfOneFormIsNoneOfAnother) {
  for (const PageKeyForm written : kForms) {
    for (const PageKeyForm asked : kForms) {
      if (written == asked) continue;
      EXPECT_FALSE(read_page_cursor(asked, write_page_cursor(written, key_of(written))).ok());
    }
  }
}

TEST(PageCursor, LetsNothingThroughThatTheDatabaseWouldRefuse) {
  using Form = PageKeyForm;
  EXPECT_TRUE(reads(Form::Text, "t0:a"));
  EXPECT_FALSE(reads(Form::Text, std::string_view("t0:a\0b", 6)));
  EXPECT_FALSE(reads(Form::Text, "t0:\xff"));
  EXPECT_FALSE(reads(Form::Text, "t0:"));
  EXPECT_FALSE(reads(Form::Number, "n-1:"));
  EXPECT_FALSE(reads(Form::Number, "n99999999999999999999:"));
  EXPECT_FALSE(reads(Form::Number, "n1:x"));
  EXPECT_FALSE(reads(Form::Number, "n1"));
  EXPECT_FALSE(reads(Form::Number, "n 1:"));
  EXPECT_FALSE(reads(Form::Id, "i0:not-a-uuid"));
  EXPECT_FALSE(
      reads(Form::InstantAndId,
            "u" + std::to_string(std::numeric_limits<std::int64_t>::max()) + ":" + kSomeId));
  EXPECT_FALSE(reads(Form::InstantAndId, std::string("u-5:") + kSomeId));
  EXPECT_FALSE(reads(Form::InstantAndNumber, "x5:1a"));
  EXPECT_FALSE(reads(Form::InstantAndNumber, "x5:"));
}

TEST(PageCursor, IsNotReadFromWhatIsNoBase64OrTooLong) {
  EXPECT_FALSE(read_page_cursor(PageKeyForm::Text, "").ok());
  EXPECT_FALSE(read_page_cursor(PageKeyForm::Text, "!!").ok());
  EXPECT_FALSE(read_page_cursor(PageKeyForm::Text, "dDA6YQ==").ok());
  EXPECT_FALSE(reads(PageKeyForm::Text, "t0:" + std::string(kPageCursorBytes, 'a')));
}

}  // namespace
}  // namespace weir::dispatcher
