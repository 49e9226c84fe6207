// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/topic.h"

/// Who may do what on the topics of queues (contract section 3.25): pure.
namespace weir::dagmanager {

enum class RightKind : std::uint8_t { Read, Write, Describe };
std::string_view right_kind_text(RightKind kind);

/// A principal's right on the topic of this very name.
struct TopicRight {
  graph::TopicName topic;
  std::string principal;  ///< as the broker has it: `User:name`
  RightKind kind = RightKind::Read;

  friend auto operator<=>(const TopicRight&, const TopicRight&) = default;
};

/// Who may read and who may write every topic.
struct TopicAcls {
  std::vector<std::string> readers;
  std::vector<std::string> writers;

  bool empty() const { return readers.empty() && writers.empty(); }
  /// All of them, each once, rising.
  std::vector<std::string> principals() const;
};

/// Whether it has a broker's form of a principal, `Type:name`.
bool is_principal(std::string_view text);

/// What they come to on one topic, rising: Read and Describe, Write and Describe.
std::vector<TopicRight> rights_on(const TopicAcls& acls, const graph::TopicName& topic);

/// What one topic's rights are to become.
struct RightsMend {
  std::vector<TopicRight> lacking;
  std::vector<TopicRight> superfluous;

  /// `User:a +read, User:b -write`.
  std::string text() const;
};

/// By topic, what is to be mended on `topics`, given the rights that were `found` on all there are.
/// Only rights of `ours`, rising, are superfluous: of whom Weir has ever given one. What others
/// were given by others is nobody's business.
std::map<graph::TopicName, RightsMend> judge_rights(const TopicAcls& acls,
                                                    std::span<const graph::TopicName> topics,
                                                    std::span<const TopicRight> found,
                                                    std::span<const std::string> ours);

}  // namespace weir::dagmanager
