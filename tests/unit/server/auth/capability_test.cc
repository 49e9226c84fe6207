// SPDX-License-Identifier: Apache-2.0
#include "server/auth/capability.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "server/auth/limits.h"
#include "server/auth/token.h"
#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr const char* kIssuer = "urn:weir:dispatcher";

Uuid id(int number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 12 - digits.size(), '0');
  return *Uuid::parse("01970000-0000-7000-8000-" + digits);
}

CapabilityClaims good_claims() {
  const std::string own = id(1).text() + "/2/";
  return {
      .issuer = kIssuer,
      .org_id = id(9),
      .bound_to = {.task_id = id(1), .attempt = 2},
      .jti = id(8),
      .issued_at = kNow,
      .expires_at = kNow + capability_life(seconds(600)),
      .grants = {.datasets = {{.dataset_uuid = id(20),
                               .dataset_version = id(21),
                               .relation = "blocks_hot",
                               .storage_ref = "s3://bucket/datasets/x/y/",
                               .where = R"({"chain_id":1,"side":["buy","sell"]})"},
                              {.dataset_uuid = id(22),
                               .dataset_version = id(23),
                               .relation = "trades",
                               .storage_ref = std::nullopt,
                               .where = std::nullopt}},
                 .outputs = {{.output = "out", .dataset_uuid = id(30), .dataset_version = id(31)}},
                 .read_prefixes = {"s3://bucket/datasets/x/y/", "s3://bucket/scratch/" + own},
                 .write_prefixes = {"s3://bucket/datasets/o/v/_staging/" + own,
                                    "s3://bucket/scratch/" + own}},
      .cap = std::nullopt};
}

class Capability : public testing::Test {
 protected:
  /// The claims with a change, signed all the same: what a broken or bought issuer could send.
  std::string changed(const std::function<void(json&)>& change) const {
    json claims = json::parse(*write_capability(good_claims()));
    change(claims);
    return crafted(header_of(key_.id, kCapabilityType), claims.dump(), key_.key);
  }
  Result<CapabilityClaims> verify(std::string_view token) const {
    return verify_capability(token, keys_, kIssuer, kNow);
  }
  std::string reason(const std::function<void(json&)>& change) const {
    const auto claims = verify(changed(change));
    return claims.ok() ? "accepted" : claims.error().reason();
  }

  SigningKey key_ = a_new_key();
  KeySet keys_ = set_of({key_});
};

TEST_F(Capability, SaysWhatItsIssuerSaid) {
  const auto token = sign_capability(good_claims(), key_);
  ASSERT_TRUE(token.ok()) << token.error().message();
  const auto claims = verify(token->reveal());
  ASSERT_TRUE(claims.ok()) << claims.error().describe();
  EXPECT_EQ(*claims, good_claims());
}

TEST_F(Capability, LivesAsLongAsItsTaskAndFiveMinutesButNeverOverAnHour) {
  EXPECT_EQ(capability_life(seconds(600)), seconds(900));
  EXPECT_EQ(capability_life(seconds(3300)), seconds(3600));
  EXPECT_EQ(capability_life(seconds(86'400)), seconds(3600));
  EXPECT_EQ(reason([](json& claims) { claims["exp"] = seconds_of(kNow) + 3601; }),
            "capability_invalid");
}

TEST_F(Capability, NeedsEveryClaim) {
  EXPECT_EQ(reason([](json&) {}), "accepted");
  for (const char* name : {"iss", "aud", "sub", "iat", "exp", "jti", "org_id", "task_id", "attempt",
                           "datasets", "outputs", "s3"}) {
    EXPECT_EQ(reason([&](json& claims) { claims.erase(name); }), "capability_invalid") << name;
    for (const json& bad : {json(nullptr), json(true), json(-1), json(1.5), json("x"),
                            json::array({1}), json::object({{"x", 1}})}) {
      EXPECT_EQ(reason([&](json& claims) { claims[name] = bad; }),
                std::string_view(name) == "sub" && bad.is_string() ? "capability_mismatch"
                                                                   : "capability_invalid")
          << name << ' ' << bad;
    }
  }
  EXPECT_EQ(reason([](json& claims) { claims["role"] = "admin"; }), "capability_invalid");
  EXPECT_EQ(reason([](json& claims) { claims["cap"] = id(5).text(); }), "capability_invalid");
  EXPECT_EQ(reason([](json& claims) { claims["nbf"] = claims["iat"]; }), "accepted");
}

TEST_F(Capability, RefusesIdsAndNumbersOfAnotherSpelling) {
  const std::string upper = "01970000-0000-7000-8000-00000000000A";
  const std::string nil = "00000000-0000-0000-0000-000000000000";
  for (const char* name : {"jti", "org_id", "task_id"}) {
    for (const std::string& bad : {upper, nil, std::string(), id(1).text() + " "}) {
      EXPECT_EQ(reason([&](json& claims) { claims[name] = bad; }), "capability_invalid") << name;
    }
  }
  for (const json& bad : {json(0), json(2147483648LL), json("2"), json(2.0)}) {
    EXPECT_EQ(reason([&](json& claims) { claims["attempt"] = bad; }), "capability_invalid") << bad;
  }
}

TEST_F(Capability, RefusesEveryBadGrant) {
  const std::vector<std::function<void(json&)>> changes = {
      [](json& claims) { claims["datasets"][0].erase("relation"); },
      [](json& claims) { claims["datasets"][0]["relation"] = ""; },
      [](json& claims) { claims["datasets"][0]["relation"] = "a\nb"; },
      [](json& claims) { claims["datasets"][0]["dataset_uuid"] = "x"; },
      [](json& claims) { claims["datasets"][0]["dataset_version"] = nullptr; },
      [](json& claims) { claims["datasets"][0]["more"] = 1; },
      [](json& claims) { claims["datasets"][0]["storage_ref"] = nullptr; },
      [](json& claims) { claims["datasets"][0]["storage_ref"] = std::string(2049, 'x'); },
      [](json& claims) { claims["datasets"][0]["where"] = "a = 1"; },
      [](json& claims) { claims["datasets"][0]["where"] = json::object(); },
      [](json& claims) { claims["datasets"][0]["where"]["chain_id"] = nullptr; },
      [](json& claims) { claims["datasets"][0]["where"]["chain_id"] = json::array(); },
      [](json& claims) { claims["datasets"][0]["where"]["chain_id"] = json::object(); },
      [](json& claims) { claims["datasets"][0]["where"]["chain_id"] = {{1}}; },
      [](json& claims) {
        claims["datasets"][0]["where"]["chain_id"] = std::vector<int>(kWhereValuesMax + 1, 1);
      },
      [](json& claims) {
        for (std::size_t n = 0; n < kWhereFieldsMax; ++n) {
          claims["datasets"][0]["where"]["f" + std::to_string(n)] = 1;
        }
      },
      [](json& claims) { claims["outputs"][0].erase("output"); },
      [](json& claims) { claims["outputs"][0]["more"] = 1; },
      [](json& claims) { claims["outputs"] = std::vector<int>(3, 1); },
      [](json& claims) { claims["s3"].erase("read_prefixes"); },
      [](json& claims) { claims["s3"]["more"] = json::array(); },
  };
  for (std::size_t at = 0; at < changes.size(); ++at) {
    EXPECT_EQ(reason(changes[at]), "capability_invalid") << at;
  }
}

TEST_F(Capability, RefusesPrefixesThatAreNotCanonicalOrNotItsOwn) {
  for (const char* name : {"read_prefixes", "write_prefixes"}) {
    for (const char* bad : {"", "s3://bucket/", "s3://bucket/a", "s3://bucket/../a/",
                            "s3://bucket/a//b/", "s3://bucket/*/", "a/"}) {
      EXPECT_EQ(reason([&](json& claims) { claims["s3"][name].push_back(bad); }),
                "capability_invalid")
          << bad;
    }
  }
  for (const std::string& other :
       {"s3://bucket/scratch/" + id(1).text() + "/3/",
        "s3://bucket/scratch/" + id(2).text() + "/2/", std::string("s3://bucket/datasets/o/v/")}) {
    EXPECT_EQ(reason([&](json& claims) { claims["s3"]["write_prefixes"].push_back(other); }),
              "capability_invalid")
        << other;
  }
}

TEST_F(Capability, IsOfTheTaskItsSubjectSays) {
  const auto mismatch =
      verify(changed([](json& claims) { claims["sub"] = "task:" + id(2).text(); }));
  ASSERT_FALSE(mismatch.ok());
  EXPECT_EQ(mismatch.error().code(), Code::PermissionDenied);
  EXPECT_EQ(mismatch.error().reason(), "capability_mismatch");
}

TEST_F(Capability, HoldsAnIdWhereItsGrantsWouldBeTooLong) {
  CapabilityClaims claims = good_claims();
  for (int number = 100; number < 200; ++number) {
    claims.grants.datasets.push_back({.dataset_uuid = id(number),
                                      .dataset_version = id(number + 1000),
                                      .relation = "relation",
                                      .storage_ref = std::nullopt,
                                      .where = std::nullopt});
  }
  EXPECT_EQ(sign_capability(claims, key_).error().reason(), "token_too_large");
  const std::string stored = write_grants(claims.grants);
  const auto document = JsonDocument::parse(stored);
  const auto resolved = read_grants(document->root(), claims.bound_to);
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(*resolved, claims.grants);
  EXPECT_FALSE(read_grants(document->root(), {.task_id = id(1), .attempt = 3}).ok());

  claims.grants = {};
  claims.cap = id(7);
  const auto token = sign_capability(claims, key_);
  ASSERT_TRUE(token.ok()) << token.error().message();
  EXPECT_EQ(*verify(token->reveal()), claims);
}

TEST_F(Capability, IsNotWrittenWhenNobodyWouldReadIt) {
  using Spoil = std::function<void(CapabilityClaims&)>;
  const std::vector<std::pair<std::string, Spoil>> spoils = {
      {"issuer", [](CapabilityClaims& c) { c.issuer = "a\n"; }},
      {"no life", [](CapabilityClaims& c) { c.expires_at = c.issued_at; }},
      {"life", [](CapabilityClaims& c) { c.expires_at = c.issued_at + std::chrono::hours(2); }},
      {"jti", [](CapabilityClaims& c) { c.jti = {}; }},
      {"org", [](CapabilityClaims& c) { c.org_id = {}; }},
      {"task", [](CapabilityClaims& c) { c.bound_to.task_id = {}; }},
      {"attempt", [](CapabilityClaims& c) { c.bound_to.attempt = 0; }},
      {"cap", [](CapabilityClaims& c) { c.cap = Uuid(); }},
      {"filter", [](CapabilityClaims& c) { c.grants.datasets[0].where = R"(1},"task_id":"x")"; }},
      {"no filter", [](CapabilityClaims& c) { c.grants.datasets[0].where = "{}"; }},
      {"relation", [](CapabilityClaims& c) { c.grants.datasets[0].relation = ""; }},
      {"dataset", [](CapabilityClaims& c) { c.grants.datasets[0].dataset_uuid = {}; }},
      {"storage", [](CapabilityClaims& c) { c.grants.datasets[0].storage_ref = ""; }},
      {"output", [](CapabilityClaims& c) { c.grants.outputs[0].output = std::string(300, 'a'); }},
      {"version", [](CapabilityClaims& c) { c.grants.outputs[0].dataset_version = {}; }},
      {"reads", [](CapabilityClaims& c) { c.grants.read_prefixes[0] += "../"; }},
      {"writes", [](CapabilityClaims& c) { c.grants.write_prefixes = {"s3://b/datasets/o/v/"}; }},
      {"many", [](CapabilityClaims& c) { c.grants.outputs.resize(5000, c.grants.outputs[0]); }},
  };
  for (const auto& [name, spoil] : spoils) {
    CapabilityClaims claims = good_claims();
    spoil(claims);
    const auto written = write_capability(claims);
    ASSERT_FALSE(written.ok()) << name;
    EXPECT_EQ(written.error().reason(), "capability_invalid") << name;
  }
}

/// I33: valid for one task and attempt, covering only pinned inputs and own prefixes.
TEST_F(Capability, CoversNoOtherIdAttemptDatasetOrPrefix) {
  const auto claims = verify(sign_capability(good_claims(), key_)->reveal());
  ASSERT_TRUE(claims.ok());
  const CapabilityGrants& grants = claims->grants;
  base::SeededRandom random(33);
  EXPECT_TRUE(check_binding(*claims, {.task_id = id(1), .attempt = 2}).ok());
  EXPECT_TRUE(check_dataset(grants, {.dataset_uuid = id(20), .dataset_version = id(21)}).ok());
  EXPECT_TRUE(
      check_output(grants, "out", {.dataset_uuid = id(30), .dataset_version = id(31)}).ok());
  for (int round = 0; round < 2000; ++round) {
    const Uuid one = id(static_cast<int>(random.below(40)));
    const Uuid other = id(static_cast<int>(random.below(40)));
    const auto attempt = static_cast<std::int32_t>(random.below(5));
    const bool bound = one == id(1) && attempt == 2;
    const auto binding = check_binding(*claims, {.task_id = one, .attempt = attempt});
    EXPECT_EQ(binding.ok(), bound);
    if (!bound) {
      EXPECT_EQ(binding.error().reason(), "capability_mismatch");
    }

    const DatasetRef dataset{.dataset_uuid = one, .dataset_version = other};
    const bool pinned = (one == id(20) && other == id(21)) || (one == id(22) && other == id(23));
    const auto granted = check_dataset(grants, dataset);
    EXPECT_EQ(granted.ok(), pinned);
    if (!pinned) {
      EXPECT_EQ(granted.error().reason(), "dataset_not_granted");
    }
    const auto output = check_output(grants, random.chance(50) ? "out" : "other", dataset);
    if (one != id(30) || other != id(31)) {
      ASSERT_FALSE(output.ok());
      EXPECT_EQ(output.error().reason(), "output_not_owned");
    }

    const std::string scratch =
        "s3://bucket/scratch/" + one.text() + "/" + std::to_string(attempt) + "/x";
    EXPECT_EQ(check_read(grants, scratch).ok(), bound);
    const auto written = check_write(grants, scratch);
    EXPECT_EQ(written.ok(), bound);
    if (!bound) {
      EXPECT_EQ(written.error().code(), Code::PermissionDenied);
      EXPECT_EQ(written.error().reason(), "prefix_denied");
    }
  }
}

TEST_F(Capability, LetsNoPathLeaveItsPrefixes) {
  const CapabilityGrants grants = good_claims().grants;
  const std::string own = "s3://bucket/scratch/" + id(1).text() + "/2/";
  EXPECT_TRUE(check_write(grants, own + "a/b.parquet").ok());
  EXPECT_TRUE(check_read(grants, "s3://bucket/datasets/x/y/part-1").ok());
  EXPECT_FALSE(check_write(grants, "s3://bucket/datasets/x/y/part-1").ok());
  for (const std::string& uri :
       {own, own + "../3/a", own + "./a", own + "a//b", own + "a/..", own + "%2e%2e/a",
        own.substr(0, own.size() - 1), own.substr(0, own.size() - 1) + "2/a",
        "s3://other" + own.substr(11), "file" + own.substr(2) + "a", std::string("a"),
        std::string()}) {
    EXPECT_EQ(check_write(grants, uri).error().reason(), "prefix_denied") << uri;
    EXPECT_EQ(check_read(grants, uri).error().reason(), "prefix_denied") << uri;
  }
}

}  // namespace
}  // namespace weir::auth
