// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/known_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::dispatcher {
namespace {

TEST(KnownNames, ReadsDatasetsAndBundles) {
  const auto known = read_known_names(
      R"({"datasets":{"a b":{"x":"int","y":"timestamptz"},"c":{}},"bundles":{"b1":"rust"}})");
  ASSERT_TRUE(known.ok());
  EXPECT_EQ(known->datasets.size(), 2U);
  EXPECT_EQ(known->datasets.at("a b").filterable.at("y"), "timestamptz");
  EXPECT_EQ(known->bundles.at("b1").language, BundleLanguage::Rust);
  EXPECT_TRUE(read_known_names("{}").ok()) << "both keys may be missing";
}

TEST(KnownNames, TellsEachFaultByItsPointer) {
  const auto paths = [](std::string_view json) {
    std::vector<std::string> found;
    const auto known = read_known_names(json);
    if (known.ok()) return found;
    EXPECT_EQ(known.error().reason(), "registry_invalid");
    for (const Fault& fault : known.error().faults()) found.push_back(fault.path);
    return found;
  };
  EXPECT_FALSE(read_known_names("nonsense").ok());
  EXPECT_THAT(paths("[]"), testing::ElementsAre(""));
  EXPECT_THAT(paths(R"({"x":1,"datasets":[],"bundles":{"b":"go","c":1}})"),
              testing::ElementsAre("/x", "/datasets", "/bundles/b", "/bundles/c"));
  EXPECT_THAT(paths(R"({"datasets":{"a":1,"b":{"c":"varchar"}}})"),
              testing::ElementsAre("/datasets/a", "/datasets/b/c"));
  EXPECT_THAT(paths(R"({"bundles":{},"bundles":{}})"), testing::ElementsAre("/bundles"));
}

}  // namespace
}  // namespace weir::dispatcher
