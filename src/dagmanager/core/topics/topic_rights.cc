// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/topic_rights.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace weir::dagmanager {
namespace {

template <class T>
void sort_unique(std::vector<T>& items) {
  std::ranges::sort(items);
  const auto twice = std::ranges::unique(items);
  items.erase(twice.begin(), twice.end());
}

}  // namespace

std::string_view right_kind_text(RightKind kind) {
  switch (kind) {
    case RightKind::Read:
      return "read";
    case RightKind::Write:
      return "write";
    case RightKind::Describe:
      return "describe";
  }
  return "";
}

std::vector<std::string> TopicAcls::principals() const {
  std::vector<std::string> all = readers;
  all.insert(all.end(), writers.begin(), writers.end());
  sort_unique(all);
  return all;
}

bool is_principal(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  return std::ranges::all_of(text.substr(0, colon), [](char letter) {
    return std::isalpha(static_cast<unsigned char>(letter)) != 0;
  });
}

std::vector<TopicRight> rights_on(const TopicAcls& acls, const graph::TopicName& topic) {
  std::vector<TopicRight> rights;
  const auto give = [&](const std::vector<std::string>& principals, RightKind kind) {
    for (const std::string& principal : principals) {
      rights.push_back({topic, principal, kind});
      rights.push_back({topic, principal, RightKind::Describe});
    }
  };
  give(acls.readers, RightKind::Read);
  give(acls.writers, RightKind::Write);
  sort_unique(rights);
  return rights;
}

std::string RightsMend::text() const {
  std::string out;
  const auto say = [&](const std::vector<TopicRight>& rights, std::string_view sign) {
    for (const TopicRight& right : rights) {
      if (!out.empty()) out += ", ";
      out += right.principal;
      out += ' ';
      out += sign;
      out += right_kind_text(right.kind);
    }
  };
  say(lacking, "+");
  say(superfluous, "-");
  return out;
}

std::map<graph::TopicName, RightsMend> judge_rights(const TopicAcls& acls,
                                                    std::span<const graph::TopicName> topics,
                                                    std::span<const TopicRight> found,
                                                    std::span<const std::string> ours) {
  std::vector<TopicRight> there(found.begin(), found.end());
  sort_unique(there);
  std::map<graph::TopicName, RightsMend> mends;
  for (const graph::TopicName& topic : topics) {
    const std::vector<TopicRight> wanted = rights_on(acls, topic);
    const auto of_topic = std::ranges::equal_range(there, topic, {}, &TopicRight::topic);
    RightsMend mend;
    std::ranges::set_difference(wanted, of_topic, std::back_inserter(mend.lacking));
    std::vector<TopicRight> beyond;
    std::ranges::set_difference(of_topic, wanted, std::back_inserter(beyond));
    for (TopicRight& right : beyond) {
      if (std::ranges::binary_search(ours, right.principal)) {
        mend.superfluous.push_back(std::move(right));
      }
    }
    if (!mend.lacking.empty() || !mend.superfluous.empty()) mends.emplace(topic, std::move(mend));
  }
  return mends;
}

}  // namespace weir::dagmanager
