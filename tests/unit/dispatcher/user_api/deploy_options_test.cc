// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/deploy_options.h"

#include <gmock/gmock.h>

#include "dispatcher/user_api/limits.h"

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kVersionId = "01970000-0000-7000-8000-000000000001";

server::HttpRequest sending(std::string query, std::string type, std::string body) {
  server::HttpRequest request;
  request.query = std::move(query);
  if (!type.empty()) request.headers.push_back({"Content-Type", std::move(type)});
  request.body = std::move(body);
  return request;
}

template <class T>
std::string fault_of(const Result<T>& read) {
  return read.ok() ? "" : read.error().reason() + ": " + read.error().message();
}

std::string deploy_fault(std::string query, std::string type = "application/yaml",
                         std::string body = "name: x") {
  return fault_of(read_deploy_request(sending(std::move(query), std::move(type), std::move(body))));
}

std::string activate_fault(std::string body) {
  return fault_of(read_activate(sending("", "application/json", std::move(body))));
}

TEST(DeployOptions, AreTheContractsWhereNothingIsSaid) {
  const auto draft = read_deploy_request(sending("", "application/yaml", "name: x"));
  ASSERT_TRUE(draft.ok());
  EXPECT_EQ(draft->yaml, "name: x");
  EXPECT_THAT(draft->plan_json, IsEmpty());
  EXPECT_EQ(draft->options.world, "live");
  EXPECT_EQ(draft->options.activate, Activate::Auto);
  EXPECT_EQ(draft->options.plan, PlanOptions());
  EXPECT_EQ(draft->options.expect_generation, std::nullopt);
}

TEST(DeployOptions, AreReadFromTheQuery) {
  const auto draft = read_deploy_request(
      sending("activate=none&old_version=hold&keep=b,a&effects=fire&run_sources=true&world=trial"
              "&expect_generation=7",
              "Application/YAML; charset=utf-8", "name: x"));
  ASSERT_TRUE(draft.ok());
  EXPECT_EQ(draft->options.activate, Activate::None);
  EXPECT_EQ(draft->options.plan.old_version, OldVersion::Hold);
  EXPECT_THAT(draft->options.plan.keep, ElementsAre("a", "b"));
  EXPECT_EQ(draft->options.plan.effects, Effects::Fire);
  EXPECT_TRUE(draft->options.plan.run_sources);
  EXPECT_EQ(draft->options.world, "trial");
  EXPECT_EQ(draft->options.expect_generation, 7);
}

TEST(DeployOptions, ComeWithASavedPlan) {
  const auto draft = read_deploy_request(
      sending("", "application/json", R"({"yaml":"name: x\n","plan":{"plan_version":1}})"));
  ASSERT_TRUE(draft.ok());
  EXPECT_EQ(draft->yaml, "name: x\n");
  EXPECT_EQ(draft->plan_json, R"({"plan_version":1})");
}

TEST(DeployOptions, RefuseWhatTheRouteDoesNotKnow) {
  EXPECT_EQ(deploy_fault("activte=auto"), "unknown_field: activte is not known to this route");
  EXPECT_EQ(deploy_fault("", "application/json", R"({"yaml":"x","plam":{}})"),
            "unknown_field: plam is not known to this route");
}

TEST(DeployOptions, RefuseWordsThatAreNone) {
  for (const char* query : {"activate=later", "old_version=dead", "effects=maybe", "keep=a,,b",
                            "run_sources=1", "expect_generation=-1", "world=Live"}) {
    EXPECT_THAT(deploy_fault(query), HasSubstr("invalid_request")) << query;
  }
}

TEST(DeployOptions, RunSourcesOnlyOutsideOfLive) {
  EXPECT_THAT(deploy_fault("run_sources=true"), HasSubstr("run_sources"));
  EXPECT_EQ(deploy_fault("run_sources=false"), "");
  EXPECT_EQ(deploy_fault("run_sources=true&world=trial"), "");
}

TEST(DeployOptions, RefuseBodiesOfOtherKinds) {
  EXPECT_THAT(deploy_fault("", ""), HasSubstr("Content-Type"));
  EXPECT_THAT(deploy_fault("", "text/plain"), HasSubstr("Content-Type"));
  EXPECT_THAT(deploy_fault("", "application/json", "name: x"), HasSubstr("invalid_request"));
  EXPECT_THAT(deploy_fault("", "application/json", "{}"), HasSubstr("yaml is missing"));
  EXPECT_THAT(deploy_fault("", "application/json", R"({"yaml":"x","plan":[]})"),
              HasSubstr("plan is not an object"));
}

TEST(DeployOptions, BoundTheDocument) {
  const std::string largest(kDagBodyBytes, 'x');
  EXPECT_EQ(deploy_fault("", "application/yaml", largest), "");
  EXPECT_THAT(deploy_fault("", "application/yaml", largest + "x"), HasSubstr("too_large"));
  EXPECT_THAT(deploy_fault("", "application/json", R"({"yaml":")" + largest + R"(x"})"),
              HasSubstr("too_large"));
}

TEST(DeployOptions, OfAValidationTakeYamlAlone) {
  const auto asked =
      read_validate(sending("dag=trades&keep=a&effects=fire", "application/yaml", "name: trades"));
  ASSERT_TRUE(asked.ok());
  EXPECT_EQ(asked->dag, "trades");
  EXPECT_THAT(asked->options.keep, ElementsAre("a"));
  EXPECT_EQ(asked->options.effects, Effects::Fire);
  EXPECT_THAT(fault_of(read_validate(sending("", "application/json", "{}"))),
              HasSubstr("Content-Type"));
  EXPECT_THAT(fault_of(read_validate(sending("activate=none", "application/yaml", "x"))),
              HasSubstr("unknown_field: activate"));
}

TEST(DeployOptions, OfAnActivationStandInItsBody) {
  const auto draft = read_activate(
      sending("", "application/json",
              std::string(R"({"dag_version_id":")") + kVersionId +
                  R"(","expect_generation":3,"activate":"manual","old_version":"hold",)"
                  R"("keep":["b","a"],"effects":"fire"})"));
  ASSERT_TRUE(draft.ok());
  EXPECT_EQ(draft->version.text(), kVersionId);
  EXPECT_EQ(draft->options.expect_generation, 3);
  EXPECT_EQ(draft->options.activate, Activate::Manual);
  EXPECT_EQ(draft->options.plan.old_version, OldVersion::Hold);
  EXPECT_THAT(draft->options.plan.keep, ElementsAre("a", "b"));
  EXPECT_EQ(draft->options.plan.effects, Effects::Fire);
}

TEST(DeployOptions, OfAnActivationAreChecked) {
  const std::string version = std::string(R"("dag_version_id":")") + kVersionId + '"';
  EXPECT_THAT(activate_fault("{}"), HasSubstr("dag_version_id is missing"));
  EXPECT_THAT(activate_fault(R"({"dag_version_id":"7"})"), HasSubstr("not a UUID"));
  EXPECT_EQ(activate_fault("{" + version + R"(,"force":true})"),
            "unknown_field: force is not known to this route");
  for (const char* member :
       {R"("activate":"none")", R"("activate":"x")", R"("old_version":"x")", R"("effects":1)",
        R"("keep":"a")", R"("keep":[1])", R"("keep":["a","a"])", R"("run_sources":true)",
        R"("expect_generation":"3")"}) {
    EXPECT_THAT(activate_fault("{" + version + "," + member + "}"), HasSubstr("invalid_request"))
        << member;
  }
}

}  // namespace
}  // namespace weir::dispatcher
