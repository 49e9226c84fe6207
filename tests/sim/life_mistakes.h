// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::sim {

/// A guard that is removed on purpose from the life of queues, versions and events; the checks must
/// find each.
enum class LifeMistake : std::uint8_t {
  None,
  // the end of queues
  TrustsThePass,          ///< a collection does not look for deploys that came since
  ForgetsBeforeDeletion,  ///< a topic that may still be there counts as gone
  ForgetsTheRest,         ///< what another pass left is not gone on with
  LetsDeploysPass,        ///< a deploy decided before a removal is stored all the same
  DeletesTooMuch,         ///< one topic that somebody binds is deleted with the rest
  CollectsTheYoung,       ///< TTL and grace count for nothing
  IgnoresTheLoad,         ///< a busy broker gets whole batches
  // weights
  RaisesOverAHit,      ///< a share of traffic rises while a hit is open
  MovesASide,          ///< an operator moves the weight of a side of a rollout
  ForgetsWhatHeSaw,    ///< the weight that a caller expects is not compared
  WeighsTheCollected,  ///< a version whose queues are gone gets traffic
  // rollback
  TakesBackHalf,          ///< what is taken back keeps its weight
  ReturnsToTheCollected,  ///< a version whose queues are gone comes back
  ComesBackAtOne,         ///< the predecessor gets all of the traffic, whatever it had
  // rollouts
  BeginsTwice,         ///< a sentinel may have two rollouts
  JudgesUnfenced,      ///< who lost the loop judges on
  JudgesAnyStep,       ///< what was seen of one step decides about another
  TakesSilenceForYes,  ///< a check without an answer holds
  ForgetsFailures,     ///< failures are not counted from one judgement to the next
  RisesOverAHit,       ///< a rollout goes on while a hit is open
  AdvancesOverAHit,    ///< likewise, by an operator's word
  ReopensTheEnd,       ///< an ended rollout takes orders
  LosesTheBaseline,    ///< a baseline's former weight is not kept
  // events
  LeavesTheRest,    ///< a relay publishes one event and says that it was all
  PrunesTheYoung,   ///< events go before their time
  TellsAnotherId,   ///< an event that is read again has another id
  TellsInDisorder,  ///< two events of a page change places
};

struct NamedMistake {
  LifeMistake mistake;
  std::string_view name;
};

inline constexpr std::array kLifeMistakes = {
    NamedMistake{LifeMistake::TrustsThePass, "TrustsThePass"},
    NamedMistake{LifeMistake::ForgetsBeforeDeletion, "ForgetsBeforeDeletion"},
    NamedMistake{LifeMistake::ForgetsTheRest, "ForgetsTheRest"},
    NamedMistake{LifeMistake::LetsDeploysPass, "LetsDeploysPass"},
    NamedMistake{LifeMistake::DeletesTooMuch, "DeletesTooMuch"},
    NamedMistake{LifeMistake::CollectsTheYoung, "CollectsTheYoung"},
    NamedMistake{LifeMistake::IgnoresTheLoad, "IgnoresTheLoad"},
    NamedMistake{LifeMistake::RaisesOverAHit, "RaisesOverAHit"},
    NamedMistake{LifeMistake::MovesASide, "MovesASide"},
    NamedMistake{LifeMistake::ForgetsWhatHeSaw, "ForgetsWhatHeSaw"},
    NamedMistake{LifeMistake::WeighsTheCollected, "WeighsTheCollected"},
    NamedMistake{LifeMistake::TakesBackHalf, "TakesBackHalf"},
    NamedMistake{LifeMistake::ReturnsToTheCollected, "ReturnsToTheCollected"},
    NamedMistake{LifeMistake::ComesBackAtOne, "ComesBackAtOne"},
    NamedMistake{LifeMistake::BeginsTwice, "BeginsTwice"},
    NamedMistake{LifeMistake::JudgesUnfenced, "JudgesUnfenced"},
    NamedMistake{LifeMistake::JudgesAnyStep, "JudgesAnyStep"},
    NamedMistake{LifeMistake::TakesSilenceForYes, "TakesSilenceForYes"},
    NamedMistake{LifeMistake::ForgetsFailures, "ForgetsFailures"},
    NamedMistake{LifeMistake::RisesOverAHit, "RisesOverAHit"},
    NamedMistake{LifeMistake::AdvancesOverAHit, "AdvancesOverAHit"},
    NamedMistake{LifeMistake::ReopensTheEnd, "ReopensTheEnd"},
    NamedMistake{LifeMistake::LosesTheBaseline, "LosesTheBaseline"},
    NamedMistake{LifeMistake::LeavesTheRest, "LeavesTheRest"},
    NamedMistake{LifeMistake::PrunesTheYoung, "PrunesTheYoung"},
    NamedMistake{LifeMistake::TellsAnotherId, "TellsAnotherId"},
    NamedMistake{LifeMistake::TellsInDisorder, "TellsInDisorder"},
};

}  // namespace weir::sim
