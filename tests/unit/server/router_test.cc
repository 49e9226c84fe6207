// SPDX-License-Identifier: Apache-2.0
#include "server/router.h"

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

TEST(RouterDeathTest, StopsOnTwoHandlersOfOneRoute) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Router router;
  router.add({"GET", "/a", handler()});
  EXPECT_DEATH(router.add({"GET", "/a", handler()}), "assertion failed");
  EXPECT_DEATH(router.add({"GET", "b", handler()}), "assertion failed");
}

}  // namespace
}  // namespace weir::server
