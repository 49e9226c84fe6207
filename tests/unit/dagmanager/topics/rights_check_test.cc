// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/rights_check.h"

#include <gmock/gmock.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::must;
using testing::HasSubstr;
using testing::Optional;

const TopicAcls kSome = {.readers = {"User:reader"}, .writers = {}};

Error denied() { return {Code::PermissionDenied, "acl_unavailable", "the login may not"}; }

std::string reason_of(const Result<std::optional<std::string>>& checked) {
  return checked.ok() ? "started" : checked.error().reason();
}

/// A broker whose answers are told; it keeps nothing.
class ScriptedRights final : public TopicRightsStore {
 public:
  std::optional<Error> on_list;
  std::optional<Error> on_change;

  Result<std::vector<TopicRight>> list() override {
    if (on_list) return *on_list;
    return std::vector<TopicRight>();
  }
  Result<void> grant(std::span<const TopicRight> /*rights*/) override { return change(); }
  Result<void> revoke(std::span<const TopicRight> /*rights*/) override { return change(); }
  Result<void> revoke_all(std::span<const graph::TopicName> /*topics*/) override {
    return change();
  }

 private:
  Result<void> change() const {
    if (on_change) return *on_change;
    return {};
  }
};

TEST(RightsCheck, SaysNothingOfABrokerThatKeepsRights) {
  ScriptedRights rights;
  for (const bool prod : {false, true}) {
    EXPECT_EQ(must(check_rights(&rights, kSome, prod)), std::nullopt);
    EXPECT_EQ(must(check_rights(&rights, {}, prod)), std::nullopt);
  }
}

TEST(RightsCheck, DoesNotStartInProdWithALoginThatMayLookAndNotAlter) {
  ScriptedRights rights;
  rights.on_change = denied();
  EXPECT_EQ(reason_of(check_rights(&rights, kSome, true)), "acl_unavailable");
  EXPECT_THAT(must(check_rights(&rights, kSome, false)), Optional(HasSubstr("no effect")));
  EXPECT_EQ(must(check_rights(&rights, {}, true)), std::nullopt) << "nothing is to be given";
}

TEST(RightsCheck, DoesNotStartInProdWithALoginThatMayNotEvenLook) {
  ScriptedRights rights;
  rights.on_list = denied();
  rights.on_change = denied();
  EXPECT_EQ(reason_of(check_rights(&rights, kSome, true)), "acl_unavailable");
  EXPECT_THAT(must(check_rights(&rights, kSome, false)), Optional(HasSubstr("no effect")));
  EXPECT_EQ(must(check_rights(&rights, {}, true)), std::nullopt) << "somebody keeps rights";
}

TEST(RightsCheck, WarnsOfABrokerThatKeepsNoneAndDoesNotStartInProdIfThereShouldBe) {
  ScriptedRights rights;
  rights.on_list = base::failed_precondition("acl_unavailable", "no authorizer");
  rights.on_change = rights.on_list;
  EXPECT_EQ(reason_of(check_rights(&rights, kSome, true)), "acl_unavailable");
  EXPECT_THAT(must(check_rights(&rights, kSome, false)), Optional(HasSubstr("no effect")));
  for (const bool prod : {false, true}) {
    EXPECT_THAT(must(check_rights(&rights, {}, prod)), Optional(HasSubstr("no authorizer")));
  }
}

TEST(RightsCheck, LeavesABrokerThatDoesNotAnswerToTheReconciler) {
  ScriptedRights rights;
  rights.on_list = base::unavailable("broker_unavailable", "nobody is there");
  rights.on_change = rights.on_list;
  EXPECT_EQ(must(check_rights(&rights, kSome, true)), std::nullopt);
  EXPECT_EQ(must(check_rights(&rights, {}, true)), std::nullopt);
}

TEST(RightsCheck, NeedsBrokersForRights) {
  EXPECT_EQ(reason_of(check_rights(nullptr, kSome, true)), "acl_unavailable");
  EXPECT_EQ(must(check_rights(nullptr, {}, true)), std::nullopt);
}

}  // namespace
}  // namespace weir::dagmanager
