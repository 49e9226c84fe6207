// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dispatcher/ports/waiting_claims.h"

namespace weir::test {

/// A line in which claims of a test wait. One thread at a time.
class WaitingLine final : public dispatcher::WaitingClaims {
 public:
  void wait(dispatcher::WaitingClaim claim) { waiting_.push_back(std::move(claim)); }

  bool any() const override { return !waiting_.empty(); }
  std::optional<dispatcher::WaitingClaim> take(const dispatcher::QueueName& queue) override {
    const auto found = std::ranges::find_if(waiting_, [&](const dispatcher::WaitingClaim& claim) {
      return std::ranges::find(claim.queues, queue) != claim.queues.end();
    });
    if (found == waiting_.end()) return std::nullopt;
    taken_[found->ticket] = *found;
    const dispatcher::WaitingClaim taken = std::move(*found);
    waiting_.erase(found);
    return taken;
  }
  void give_back(std::uint64_t ticket) override {
    waiting_.insert(waiting_.begin(), taken_.at(ticket));
    taken_.erase(ticket);
  }
  void answer(std::uint64_t ticket, Result<dispatcher::ClaimAnswer> answer) override {
    EXPECT_EQ(taken_.erase(ticket), 1U);
    if (answer.ok()) {
      answers_.emplace(ticket, *std::move(answer));
    } else {
      failed_.emplace(ticket, answer.error().reason());
    }
  }

  std::vector<std::uint64_t> waiting() const {
    std::vector<std::uint64_t> tickets;
    for (const dispatcher::WaitingClaim& claim : waiting_) tickets.push_back(claim.ticket);
    return tickets;
  }
  bool has_taken() const { return !taken_.empty(); }
  const std::map<std::uint64_t, dispatcher::ClaimAnswer>& answers() const { return answers_; }
  /// Those who were told that what they got is not known, and why.
  const std::map<std::uint64_t, std::string>& failed() const { return failed_; }

 private:
  std::vector<dispatcher::WaitingClaim> waiting_;
  std::map<std::uint64_t, dispatcher::WaitingClaim> taken_;
  std::map<std::uint64_t, dispatcher::ClaimAnswer> answers_;
  std::map<std::uint64_t, std::string> failed_;
};

}  // namespace weir::test
