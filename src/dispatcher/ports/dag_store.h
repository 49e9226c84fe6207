// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dispatcher/dagfile/known_names.h"
#include "dispatcher/ports/dag_rows.h"

namespace weir::dispatcher {

/// What a DAG file may name besides itself, and the database's clock.
struct DagSurroundings {
  KnownNames names;
  Instant now{};
};

/// What is asked about a DAG before it is deployed.
struct StandingRequest {
  DagName dag;
  std::string yaml_hash = {};
  std::string registry_hash = {};
  std::vector<std::string> foreign = {};  ///< dataset ids of other DAGs that the file reads
};

/// A table of a `direct` output.
struct DatasetTable {
  DatasetVersionId version;
  std::string columns_json;  ///< `[{"name","type","nullable"}]`
  std::vector<std::string> unique = {};
  std::string indexes_json = "[]";

  friend bool operator==(const DatasetTable&, const DatasetTable&) = default;
};

/// Who changes something, for the rows and the audit.
struct Actor {
  OrgId org_id;
  std::optional<UserId> user_id = {};
  std::string name = "system";  ///< column `actor` of the audit
  std::optional<Uuid> request_id = {};
};

/// A deploy's transaction: what is being deployed, and the decision over what stands.
struct ApplyRequest {
  const Actor& actor;
  StandingRequest about;
  const DagFile* file = nullptr;  ///< of the version; null where none is made
  std::string yaml_text = {};
  /// Pure, and run inside the transaction under the switch lock. An error rolls everything back
  /// and is the answer.
  std::function<Result<DeployWrites>(const DagStanding&)> decide;
};

/// A page of a list: rows behind `after`, the text that the page before gave.
struct PageRequest {
  std::size_t limit = 100;
  std::string after = {};
};
template <class Row>
struct Page {
  std::vector<Row> rows;
  std::string next = {};  ///< empty: nothing follows
};

/// A DAG of an organisation in a list.
struct DagRow {
  std::string dag_name;
  std::int64_t versions = 0;
  std::optional<DagVersionId> active = {};
  std::optional<std::int64_t> active_version_no = {};
  std::int64_t generation = 0;
  std::optional<Instant> activated_at = {};
};

/// Port: definitions, builds, pointers, and the one row that decides what is current (contract
/// sections 4 and 6.6). Every method is bound to one organisation; what belongs to another is as
/// what is not there. Every method may be called from any thread.
///
/// Faults: UNAVAILABLE `unavailable`, DEADLINE_EXCEEDED as the driver says, ABORTED
/// `transaction_conflict` (repeat); `commit_unknown`: nothing or all was done, repeat.
/// ALREADY_EXISTS `dataset_owned`: a name of a cutover belongs to somebody else; nothing was
/// changed.
class DagStore {
 public:
  virtual ~DagStore() = default;

  /// Datasets that other DAGs of the organisation publish in the world, its ready bundles, and,
  /// with `ownership`, which names others own.
  virtual Result<DagSurroundings> surroundings(const DagName& dag, bool ownership) = 0;
  /// What a plan needs, outside of a deploy.
  virtual Result<DagStanding> standing(const StandingRequest& request) = 0;
  /// Makes the tables that are not there, in schema `data`. Repeats change nothing.
  virtual Result<void> make_tables(std::span<const DatasetTable> tables) = 0;
  /// One transaction: switch lock, what stands, the decision, all rows. Gives what was decided.
  virtual Result<DeployWrites> apply(const ApplyRequest& request) = 0;

  /// Lists go from the newest, of DAGs by name. NOT_FOUND `not_found` for what is not there.
  virtual Result<Page<DagRow>> list_dags(const DagName& of, const PageRequest& page) = 0;
  virtual Result<Page<DagVersionRow>> list_versions(const DagName& dag,
                                                    const PageRequest& page) = 0;
  virtual Result<DagVersionRow> read_version(const DagName& dag, const DagVersionId& id) = 0;
  virtual Result<Page<DeployRow>> list_deploys(const DagName& dag, const PageRequest& page) = 0;
  virtual Result<DeployRow> read_deploy(const DagName& dag, const DeployId& id) = 0;
};

}  // namespace weir::dispatcher
