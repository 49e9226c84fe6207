// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/random.h"
#include "dagmanager/ports/topic_admin.h"

namespace weir::dagmanager {

/// How often each thing goes wrong, in percent of calls or topics.
struct TopicFaults {
  unsigned call_lost = 0;    ///< the request never arrives
  unsigned reply_lost = 0;   ///< it is carried out, the caller hears nothing
  unsigned time_out = 0;     ///< one topic answers Unknown although it was made
  unsigned part_failed = 0;  ///< one topic of a bulk is not made and answers Failed
  unsigned seen_late = 0;    ///< a made topic stays out of `look` for up to `late_looks` looks
  unsigned late_looks = 2;
};

/// Decorator that makes a TopicAdmin behave as brokers do on a bad day. Faults stop after
/// `faults_max` of them, so that a schedule always has an end. Not thread-safe.
class FaultyTopicAdmin final : public TopicAdmin {
 public:
  FaultyTopicAdmin(TopicAdmin& inner, base::SeededRandom& random, TopicFaults faults,
                   int faults_max)
      : inner_(inner), random_(random), faults_(faults), faults_left_(faults_max) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override;
  Result<std::vector<TopicSeen>> list() override { return inner_.list(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    return inner_.sizes(topics);
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override;
  Result<int> broker_count() override { return inner_.broker_count(); }
  Result<void> ping() override { return inner_.ping(); }

 private:
  bool strikes(unsigned percent);

  TopicAdmin& inner_;
  base::SeededRandom& random_;
  TopicFaults faults_;
  int faults_left_;
  std::map<std::string, unsigned> hidden_;  // looks left in which a topic is not seen
};

}  // namespace weir::dagmanager
