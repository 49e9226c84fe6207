// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/query_reader.h"

#include <gmock/gmock.h>

#include <array>

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::array<std::string_view, 3> kWords = {"auto", "manual", "none"};

server::HttpRequest asking(std::string query) {
  server::HttpRequest request;
  request.query = std::move(query);
  return request;
}

/// The reason and the message of the first fault after `read`.
template <class Read>
std::string fault_of(const std::string& text, Read read) {
  const server::HttpRequest request = asking(text);
  QueryReader query(request, {"world", "limit", "cursor", "name", "flag", "word", "id", "list"});
  read(query);
  const Result<void> done = query.finish();
  return done.ok() ? "" : done.error().reason() + ": " + done.error().message();
}

const auto kNothing = [](QueryReader&) {};

TEST(QueryReader, ReadsWhatIsThereAndNothingElse) {
  const auto request = asking(
      "name=a%20b&flag=true&word=manual&limit=7&list=b,a&&id=01970000-0000-7000-8000-000000000001");
  QueryReader query(request, {"name", "flag", "word", "limit", "list", "id"});
  EXPECT_EQ(query.text("name", 10), "a b");
  EXPECT_EQ(query.flag("flag"), true);
  EXPECT_EQ(query.one_of("word", kWords), 1U);
  EXPECT_EQ(query.integer("limit", 1, 10), 7);
  EXPECT_THAT(query.names("list", 5, 5), ElementsAre("a", "b"));
  EXPECT_TRUE(query.uuid("id").has_value());
  EXPECT_EQ(query.world(), "live");
  EXPECT_TRUE(query.finish().ok());
}

TEST(QueryReader, GivesNothingForWhatIsAbsent) {
  const auto request = asking("");
  QueryReader query(request, {"name"});
  EXPECT_EQ(query.text("name", 10), std::nullopt);
  EXPECT_EQ(query.flag("name"), std::nullopt);
  EXPECT_EQ(query.one_of("name", kWords), std::nullopt);
  EXPECT_EQ(query.integer("name", 1, 2), std::nullopt);
  EXPECT_EQ(query.uuid("name"), std::nullopt);
  EXPECT_TRUE(query.names("name", 1, 1).empty());
  EXPECT_TRUE(query.finish().ok());
}

TEST(QueryReader, RefusesAParameterThatItDoesNotKnowByName) {
  EXPECT_EQ(fault_of("nmae=x", kNothing), "unknown_field: nmae is not known to this route");
  EXPECT_THAT(fault_of(std::string(500, 'x'), kNothing), HasSubstr("…"));
  EXPECT_LT(fault_of(std::string(500, 'x'), kNothing).size(), 150U);
}

TEST(QueryReader, RefusesWhatIsGivenTwiceOrCannotBeDecoded) {
  EXPECT_EQ(fault_of("name=a&name=a", kNothing), "invalid_request: name is given twice");
  for (const char* query : {"name=%zz", "name=%", "%ff=x", "name=%ff", "name=%00", "na%00me=x"}) {
    EXPECT_EQ(fault_of(query, kNothing), "invalid_request: the query cannot be decoded") << query;
  }
}

TEST(QueryReader, NamesWhatIsWrong) {
  EXPECT_THAT(fault_of("name=", [](QueryReader& q) { q.text("name", 5); }), HasSubstr("name"));
  EXPECT_THAT(fault_of("name=123456", [](QueryReader& q) { q.text("name", 5); }),
              HasSubstr("1 to 5"));
  for (const char* number : {"0", "11", "x", "1x", "", "1.0", "99999999999999999999"}) {
    EXPECT_THAT(
        fault_of(std::string("limit=") + number, [](QueryReader& q) { q.integer("limit", 1, 10); }),
        HasSubstr("limit is not a whole number from 1 to 10"))
        << number;
  }
  EXPECT_THAT(fault_of("flag=yes", [](QueryReader& q) { q.flag("flag"); }), HasSubstr("flag"));
  EXPECT_EQ(fault_of("word=Auto", [](QueryReader& q) { q.one_of("word", kWords); }),
            "invalid_request: word is none of auto, manual, none");
  EXPECT_THAT(fault_of("id=1", [](QueryReader& q) { q.uuid("id"); }), HasSubstr("UUID"));
}

TEST(QueryReader, RefusesListsWithEmptyLongOrRepeatedElements) {
  const auto read = [](QueryReader& q) { q.names("list", 2, 3); };
  for (const char* list : {"list=", "list=a,", "list=abcd", "list=a,a", "list=a,b,c"}) {
    EXPECT_THAT(fault_of(list, read), HasSubstr("list")) << list;
  }
  EXPECT_EQ(fault_of("list=abc,b", read), "");
}

TEST(QueryReader, TakesNamesThatWorldsCanHave) {
  const auto read = [](QueryReader& q) { q.world(); };
  for (const char* world : {"live", "trial-2", "a"}) {
    EXPECT_EQ(fault_of(std::string("world=") + world, read), "") << world;
  }
  for (const std::string& world : {std::string(""), std::string("Live"), std::string("2a"),
                                   std::string("a_b"), std::string(33, 'a')}) {
    EXPECT_EQ(fault_of("world=" + world, read), "invalid_request: world is not a name of a world");
  }
}

TEST(QueryReader, ReadsPages) {
  const std::string cursor = write_page_cursor(PageKeyForm::Number, {.number = 3, .text = ""});
  const auto request = asking("limit=500&cursor=" + cursor);
  QueryReader query(request, {"limit", "cursor"});
  const RegistryPageRequest page = query.page(PageKeyForm::Number);
  EXPECT_TRUE(query.finish().ok());
  EXPECT_EQ(page.limit, 500U);
  EXPECT_EQ(page.after->number, 3);
  const auto read = [](QueryReader& q) { q.page(PageKeyForm::Text); };
  EXPECT_THAT(fault_of("limit=501", read), HasSubstr("limit"));
  EXPECT_THAT(fault_of("limit=0", read), HasSubstr("limit"));
  EXPECT_EQ(fault_of("cursor=" + cursor, read),
            "invalid_request: cursor is not one that this list gave");
}

}  // namespace
}  // namespace weir::dispatcher
