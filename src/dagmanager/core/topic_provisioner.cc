// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topic_provisioner.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "dagmanager/core/limits.h"

namespace weir::dagmanager {
namespace {

/// Policies are sets, in any case and order; none means the broker's default, delete.
std::vector<std::string> cleanup_set(const std::string& policy) {
  std::vector<std::string> parts;
  const std::string lower = base::lower_ascii(policy);
  for (const std::string_view part : base::split(lower, ',')) {
    const std::string_view trimmed = base::trim(part);
    if (!trimmed.empty()) parts.emplace_back(trimmed);
  }
  if (parts.empty()) parts.emplace_back("delete");
  std::ranges::sort(parts);
  parts.erase(std::ranges::unique(parts).begin(), parts.end());
  return parts;
}

}  // namespace

std::string describe_shape(const graph::TopicShape& shape) {
  return std::to_string(shape.partitions) + " partitions, replication " +
         std::to_string(shape.replication) + ", retention " + std::to_string(shape.retention_ms) +
         " ms, cleanup " + (shape.cleanup.empty() ? "delete" : shape.cleanup);
}

bool same_shape(const graph::TopicShape& a, const graph::TopicShape& b) {
  return a.partitions == b.partitions && a.replication == b.replication &&
         a.retention_ms == b.retention_ms && cleanup_set(a.cleanup) == cleanup_set(b.cleanup);
}

std::string_view provision_outcome_text(ProvisionOutcome outcome) {
  switch (outcome) {
    case ProvisionOutcome::Pending:
      return "pending";
    case ProvisionOutcome::Created:
      return "create";
    case ProvisionOutcome::Adopted:
      return "adopt";
    case ProvisionOutcome::AdoptedMismatch:
      return "mismatch";
  }
  return "";
}

TopicProvisioner::TopicProvisioner(std::vector<WantedTopic> wanted, bool prod)
    : wanted_(std::move(wanted)), progress_(wanted_.size()), prod_(prod) {
  for (std::size_t i = 0; i < wanted_.size(); ++i) progress_[i].asked = wanted_[i].joined;
}

ProvisionStep TopicProvisioner::next() {
  using Kind = ProvisionStep::Kind;
  if (failed_) return {Kind::Failed, {}, {}};
  if (auto renames = waiting_for(Next::Rename); !renames.empty()) {
    renames.resize(1);
    return {Kind::Rename, std::move(renames), {}};
  }
  if (wait_ > Duration::zero()) return {Kind::Wait, {}, wait_};
  in_step_ = waiting_for(Next::Create);
  if (!in_step_.empty()) return {Kind::Create, in_step_, {}};
  in_step_ = waiting_for(Next::Look);
  if (!in_step_.empty()) return {Kind::Look, in_step_, {}};
  return {Kind::Done, {}, {}};
}

void TopicProvisioner::created(const std::vector<CreateAnswer>& answers) {
  WEIR_ASSERT(answers.size() == in_step_.size());
  create_fault_.clear();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Progress& progress = progress_[in_step_[i]];
    progress.next = Next::Look;
    progress.was_made = false;
    switch (answers[i]) {
      case CreateAnswer::Created:
        progress.asked = true;
        progress.was_made = true;
        break;
      case CreateAnswer::Unknown:
        progress.asked = true;
        break;
      case CreateAnswer::CreatedAndSeen:
        progress.asked = true;
        progress.outcome = ProvisionOutcome::Created;
        progress.next = Next::Done;
        break;
      case CreateAnswer::AlreadyExists:
        progress.found_there = !progress.asked;
        progress.was_made = progress.asked;
        break;
      case CreateAnswer::Failed:
        break;  // a look decides: another instance or an earlier try may have made it
      case CreateAnswer::Refused:
        fail(base::invalid_argument(
            "name_illegal", "the broker refuses the topic " + wanted_[in_step_[i]].topic.text()));
        return;
    }
  }
}

void TopicProvisioner::create_lost(const Error& why) {
  create_fault_ = why.message();
  for (const std::size_t topic : in_step_) {
    progress_[topic].asked = true;
    progress_[topic].next = Next::Look;  // unknown: verify before creating again
  }
}

void TopicProvisioner::looked(const std::vector<TopicSeen>& seen) {
  SeenByKey by_key;
  for (const TopicSeen& topic : seen) {
    by_key[graph::topic_key(topic.topic).text()].push_back(&topic);
  }
  for (const std::size_t topic : in_step_) {
    const auto found = by_key.find(graph::topic_key(wanted_[topic].topic).text());
    judge(topic, found == by_key.end() ? std::vector<const TopicSeen*>() : found->second);
  }
  const bool missing = std::ranges::any_of(in_step_, [&](std::size_t topic) {
    return progress_[topic].next == Next::Create || progress_[topic].next == Next::Look;
  });
  if (!missing || poll_again()) return;
  const auto first = std::ranges::find_if(
      in_step_, [&](std::size_t topic) { return progress_[topic].next != Next::Done; });
  std::string why = "topic " + wanted_[*first].topic.text() + " is not there yet";
  if (!create_fault_.empty()) why += "; making it: " + create_fault_;
  end_attempt(std::move(why));
}

void TopicProvisioner::look_lost(const Error& why) {
  // Whatever kept the broker from answering, for the caller it is unavailable.
  error_ = base::unavailable("broker_unavailable", why.message());
  end_attempt("");
}

void TopicProvisioner::waited() { wait_ = {}; }

/// Metadata follow a creation by some time: whatever is missing is looked for again soon, as long
/// as the broker said of each that it is made. It is made again after that.
bool TopicProvisioner::poll_again() {
  const auto is_late = [&](std::size_t topic) {
    const Progress& progress = progress_[topic];
    return progress.next == Next::Done || progress.next == Next::Rename || progress.was_made;
  };
  if (!std::ranges::all_of(in_step_, is_late)) return false;
  const Duration next =
      poll_wait_ == Duration::zero() ? kVerifyWaitFirst : std::min(2 * poll_wait_, kVerifyWaitMax);
  if (polled_ + next > kVerifyWaitsMax) {
    polled_ = kVerifyWaitsMax;
    return false;
  }
  for (const std::size_t topic : in_step_) {
    if (progress_[topic].next == Next::Create) progress_[topic].next = Next::Look;
  }
  wait_ = poll_wait_ = next;
  polled_ += next;
  return true;
}

void TopicProvisioner::renamed(std::size_t topic, graph::TopicName name, bool joined) {
  renamed_ = true;
  wanted_[topic].topic = std::move(name);
  wanted_[topic].joined = joined;
  progress_[topic] = Progress{};
  progress_[topic].asked = joined;
}

bool TopicProvisioner::as_wanted() const {
  return !renamed_ && std::ranges::all_of(progress_, [](const Progress& progress) {
    return progress.outcome == ProvisionOutcome::Created;
  });
}

/// `alike`: the topics seen that a broker would confuse with the wanted one, itself included.
void TopicProvisioner::judge(std::size_t topic, const std::vector<const TopicSeen*>& alike) {
  const WantedTopic& wanted = wanted_[topic];
  Progress& progress = progress_[topic];
  const TopicSeen* same = nullptr;
  for (const TopicSeen* candidate : alike) {
    if (candidate->topic == wanted.topic) {
      same = candidate;
    } else {
      warnings_.push_back("topic " + wanted.topic.text() + " would collide with " +
                          candidate->topic.text() + ": the next name is taken");
      progress.next = Next::Rename;
      return;
    }
  }
  if (same == nullptr) {
    // Found before and now gone from view: metadata lags, creating again would prove nothing.
    progress.next = progress.found_there ? Next::Look : Next::Create;
    return;
  }
  if (!same_shape(same->shape, wanted.shape)) {
    mismatch(topic, *same);
    return;
  }
  progress.outcome = progress.asked ? ProvisionOutcome::Created : ProvisionOutcome::Adopted;
  progress.next = Next::Done;
}

void TopicProvisioner::mismatch(std::size_t topic, const TopicSeen& seen) {
  Progress& progress = progress_[topic];
  const std::string what = "topic " + seen.topic.text() + " exists with " +
                           describe_shape(seen.shape) + " where " +
                           describe_shape(wanted_[topic].shape) + " is configured: ";
  if (prod_) {
    warnings_.push_back(what + "it is left alone and the next name is taken");
    left_alone_.push_back({topic, seen});
    progress.next = Next::Rename;
    return;
  }
  warnings_.push_back(what + "it is adopted as it is");
  wanted_[topic].shape = seen.shape;
  progress.outcome = ProvisionOutcome::AdoptedMismatch;
  progress.next = Next::Done;
}

void TopicProvisioner::end_attempt(std::string why) {
  if (!why.empty()) error_ = base::unavailable("create_timeout", std::move(why));
  if (++attempt_ >= kProvisionAttemptsMax) {
    fail(std::move(error_).prepend("after " + std::to_string(attempt_) + " attempts"));
  } else {
    wait_ = std::min(kProvisionWaitFirst * (1 << (attempt_ - 1)), kProvisionWaitMax);
    poll_wait_ = {};
  }
}

void TopicProvisioner::fail(Error error) {
  failed_ = true;
  error_ = std::move(error);
}

std::vector<std::size_t> TopicProvisioner::waiting_for(Next next) const {
  std::vector<std::size_t> topics;
  for (std::size_t i = 0; i < progress_.size(); ++i) {
    if (progress_[i].next == next) topics.push_back(i);
  }
  return topics;
}

}  // namespace weir::dagmanager
