// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dispatcher/ports/dag_store.h"
#include "drivers/postgres/pipeline.h"

/// Writing what a deploy decided: a part of postgres_dag_store.cc.
namespace weir::dispatcher {

/// What PostgresDagStore::make_tables hands to the server: `[{"version","columns","unique",
/// "indexes"}]`.
std::string tables_json(std::span<const DatasetTable> tables);

/// Queues the statements of a deploy, one a table, and looks at what they answered.
class DeployWriter {
 public:
  /// `now`: the moment of the decision, which becomes that of the switch.
  DeployWriter(const ApplyRequest& request, const DeployWrites& writes, Instant now)
      : request_(request), writes_(writes), now_(now) {}

  void add_to(postgres::Pipeline& pipeline);
  /// ALREADY_EXISTS `dataset_owned` with the names that somebody else owns.
  Result<void> check(const std::vector<postgres::Rows>& results) const;

 private:
  void add_version(postgres::Pipeline& pipeline) const;
  void add_builds(postgres::Pipeline& pipeline) const;
  void add_outputs(postgres::Pipeline& pipeline) const;
  void add_inputs(postgres::Pipeline& pipeline) const;
  void add_pointers(postgres::Pipeline& pipeline) const;
  void add_ended(postgres::Pipeline& pipeline) const;
  void add_deploy(postgres::Pipeline& pipeline) const;
  void add_cutover(postgres::Pipeline& pipeline);
  void add_events(postgres::Pipeline& pipeline) const;
  std::string envelope_of(const ControlEvent& event, const OutboxId& id) const;
  void add_audit(postgres::Pipeline& pipeline) const;

  const DagName& dag() const { return request_.about.dag; }

  const ApplyRequest& request_;
  const DeployWrites& writes_;
  Instant now_;
  std::size_t names_at_ = 0;
};

}  // namespace weir::dispatcher
