// SPDX-License-Identifier: Apache-2.0
#include "server/http/router.h"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

HttpHandler handler() {
  return [](const HttpRequest&) { return HttpResponse{}; };
}

TEST(Router, FindsTheRouteOfMethodAndPath) {
  Router router;
  router.add({"GET", "/a", handler(), 1});
  router.add({"POST", "/a", handler(), 2});
  EXPECT_EQ(router.match("GET", "/a").route->body_bytes_max, 1U);
  EXPECT_EQ(router.match("POST", "/a").route->body_bytes_max, 2U);
  EXPECT_EQ(router.match("HEAD", "/a").route->body_bytes_max, 1U);
}

TEST(Router, TellsWhichMethodsAPathTakes) {
  Router router;
  router.add({"GET", "/a", handler()});
  router.add({"POST", "/a", handler()});
  router.add({"POST", "/b", handler()});
  EXPECT_EQ(router.match("PUT", "/a").allow, "GET, HEAD, POST");
  EXPECT_EQ(router.match("HEAD", "/b").allow, "POST");
  EXPECT_EQ(router.match("get", "/a").route, nullptr);
}

TEST(Router, KnowsNoOtherPaths) {
  Router router;
  router.add({"GET", "/a", handler()});
  for (const char* path : {"/", "/a/", "/A", "a", ""}) {
    EXPECT_EQ(router.match("GET", path).route, nullptr) << path;
    EXPECT_EQ(router.match("GET", path).allow, "") << path;
  }
}

std::string params_text(const Router::Match& match) {
  std::string text = match.route == nullptr ? "none" : match.route->path;
  for (const HttpHeader& param : match.params) text += " " + param.name + "=" + param.value;
  return text;
}

TEST(Router, GivesTheParametersOfAPath) {
  Router router;
  router.add({"GET", "/v1/dags/{dag}/versions/{id}", handler()});
  router.add({"PUT", "/v1/objects/{name...}", handler()});
  EXPECT_EQ(params_text(router.match("GET", "/v1/dags/a/versions/7")),
            "/v1/dags/{dag}/versions/{id} dag=a id=7");
  EXPECT_EQ(params_text(router.match("GET", "/v1/dags/a%2Fb%20c/versions/%7B")),
            "/v1/dags/{dag}/versions/{id} dag=a/b c id={");
  EXPECT_EQ(params_text(router.match("PUT", "/v1/objects/a/b%2Fc/d.x")),
            "/v1/objects/{name...} name=a/b/c/d.x");
  for (const char* path :
       {"/v1/dags//versions/7", "/v1/dags/a/versions", "/v1/dags/a/versions/",
        "/v1/dags/a/versions/7/", "/v1/dags/a/b/versions/7", "/v1/dags/%zz/versions/7"}) {
    EXPECT_EQ(router.match("GET", path).route, nullptr) << path;
  }
  EXPECT_EQ(router.match("PUT", "/v1/objects/").route, nullptr);
  EXPECT_EQ(router.match("PUT", "/v1/objects").route, nullptr);
}

TEST(Router, PrefersLiteralsToParametersAndThoseToARest) {
  Router router;
  router.add({"GET", "/a/{rest...}", handler()});
  router.add({"GET", "/a/{id}", handler()});
  router.add({"GET", "/a/stats", handler()});
  router.add({"POST", "/a/{id}", handler()});
  router.add({"GET", "/a/{id}/x", handler()});
  EXPECT_EQ(params_text(router.match("GET", "/a/stats")), "/a/stats");
  EXPECT_EQ(params_text(router.match("GET", "/a/7")), "/a/{id} id=7");
  EXPECT_EQ(params_text(router.match("GET", "/a/7/x")), "/a/{id}/x id=7");
  EXPECT_EQ(params_text(router.match("GET", "/a/7/y")), "/a/{rest...} rest=7/y");
  EXPECT_EQ(params_text(router.match("POST", "/a/stats")), "/a/{id} id=stats");
  EXPECT_EQ(router.match("PUT", "/a/stats").allow, "GET, HEAD, POST");
  EXPECT_EQ(router.match("PUT", "/a/7/y").allow, "GET, HEAD");
}

TEST(Router, KnowsWhetherAHandlerReadsBodiesItself) {
  Router router;
  router.add({"GET", "/a", [](const HttpRequest&, const Responder&) {}});
  EXPECT_FALSE(router.has_streams());
  router.add({"PUT", "/a", [](const HttpRequest&, const BodyReader&, const Responder&) {}});
  EXPECT_TRUE(router.has_streams());
}

TEST(RouterDeathTest, StopsOnPatternsThatCannotBeRead) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Router router;
  router.add({"GET", "/a/{id}", handler()});
  for (const char* path : {"/{}", "/{a", "/{...}", "/{a...}/b", "/a/{other}"}) {
    EXPECT_DEATH(router.add({"POST", path, handler()}), "assertion failed") << path;
  }
  EXPECT_DEATH(router.add({"GET", "/b", HttpHandler()}), "assertion failed");
}

TEST(RouterDeathTest, StopsOnTwoHandlersOfOneRoute) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Router router;
  router.add({"GET", "/a", handler()});
  EXPECT_DEATH(router.add({"GET", "/a", handler()}), "assertion failed");
  EXPECT_DEATH(router.add({"GET", "b", handler()}), "assertion failed");
}

}  // namespace
}  // namespace weir::server
