// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/topic_types.h"

/// Making topics in five steps, CREATE, VERIFY, WAIT, BACKOFF and again (contract section 3.7), as
/// a machine that only says what to do next. Who runs it calls the broker and tells it what was
/// seen:
///
///     while (true) switch (auto step = machine.next(); step.kind) {
///       case Create: machine.created(admin.create(...)) ...
///
/// No answer of a broker, late, lost, partial or wrong, leads anywhere but to Done or a named
/// Error.
namespace weir::dagmanager {

/// A topic to provision, by the name its intent holds.
struct WantedTopic {
  graph::TopicName topic;
  graph::TopicShape shape;
  bool joined = false;  ///< the intent is an earlier try's: the topic may be ours already
};

/// Whether two shapes are one to a broker: cleanup policies are sets, none of them means delete.
bool same_shape(const graph::TopicShape& a, const graph::TopicShape& b);
/// One, in words.
std::string describe_shape(const graph::TopicShape& shape);

/// How a topic came to be, for the topic log.
enum class ProvisionOutcome : std::uint8_t { Pending, Created, Adopted, AdoptedMismatch };
std::string_view provision_outcome_text(ProvisionOutcome outcome);  // `create`, `adopt`, `mismatch`

struct ProvisionStep {
  enum class Kind : std::uint8_t {
    Create,  ///< make `topics` in one call
    Look,    ///< read the metadata of `topics`
    Wait,    ///< let `wait` pass
    Rename,  ///< topics[0] needs its next name (reserved), then renamed()
    Done,
    Failed,  ///< see `error()`
  };
  Kind kind = Kind::Done;
  std::vector<std::size_t> topics;  ///< indexes into the wanted topics
  Duration wait{};
};

class TopicProvisioner {
 public:
  /// A topic that was not ours to bend, and the wanted topic that got its next name for it.
  struct LeftAlone {
    std::size_t topic = 0;
    TopicSeen seen;
  };

  /// In profile prod a topic of another shape is never bent to our use.
  TopicProvisioner(std::vector<WantedTopic> wanted, bool prod);

  ProvisionStep next();

  /// The answers to the last Create step, in the order of its topics; or that the call failed as a
  /// whole and nothing is known of it.
  void created(const std::vector<CreateAnswer>& answers);
  void create_lost(const Error& why);
  /// What the last Look step showed; or that it failed.
  void looked(const std::vector<TopicSeen>& seen);
  void look_lost(const Error& why);
  void waited();
  /// The next name is reserved; `joined` as in WantedTopic.
  void renamed(std::size_t topic, graph::TopicName name, bool joined);

  const std::vector<WantedTopic>& topics() const { return wanted_; }
  ProvisionOutcome outcome(std::size_t topic) const { return progress_[topic].outcome; }
  /// Every topic was made by us, under the name and in the shape that were wanted at the start.
  bool as_wanted() const;
  /// Why a topic was renamed or bent: for the answer's warnings.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// Topics of a wanted name that had another shape in prod: for the topic log.
  const std::vector<LeftAlone>& left_alone() const { return left_alone_; }
  /// INVALID_ARGUMENT `name_illegal`, UNAVAILABLE `create_timeout` or `broker_unavailable`.
  const Error& error() const { return error_; }

 private:
  enum class Next : std::uint8_t { Create, Look, Rename, Done };
  struct Progress {
    Next next = Next::Create;
    bool asked = false;        // a create of ours may have made it
    bool found_there = false;  // the broker said it existed before we had asked
    bool was_made = false;     // the broker said it has made it: it will be seen
    ProvisionOutcome outcome = ProvisionOutcome::Pending;
  };

  using SeenByKey = absl::flat_hash_map<std::string, std::vector<const TopicSeen*>>;

  void judge(std::size_t topic, const std::vector<const TopicSeen*>& alike);
  void mismatch(std::size_t topic, const TopicSeen& seen);
  bool poll_again();
  void end_attempt(std::string why);
  void fail(Error error);
  std::vector<std::size_t> waiting_for(Next next) const;

  std::vector<WantedTopic> wanted_;
  std::vector<Progress> progress_;
  bool prod_;
  bool renamed_ = false;
  int attempt_ = 0;
  Duration wait_{};  // that is due
  Duration poll_wait_{};
  Duration polled_{};  // all of them
  bool failed_ = false;
  std::vector<std::size_t> in_step_;
  std::vector<std::string> warnings_;
  std::vector<LeftAlone> left_alone_;
  std::string create_fault_;  // why the last create call brought no answers; empty: it did
  Error error_{Code::Unavailable, "create_timeout", "no attempt was made"};
};

}  // namespace weir::dagmanager
