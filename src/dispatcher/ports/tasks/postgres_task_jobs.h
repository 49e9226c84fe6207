// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "dispatcher/ports/task_context.h"
#include "dispatcher/ports/tasks/postgres_task_marks.h"

namespace weir::postgres {
class Connection;
class Rows;
struct Statement;
}  // namespace weir::postgres

namespace weir::dispatcher {

/// A job as one dag_version defines it and one build runs it.
using JobKey = std::pair<DagVersionId, BuildId>;

/// How many transactions of one store are open. Any thread.
class OpenTransactions {
 public:
  /// Counts while it is there, until `end`.
  class One {
   public:
    explicit One(OpenTransactions& all) : all_(all) { ++all_.count_; }
    ~One() { end(); }
    One(const One&) = delete;
    One& operator=(const One&) = delete;
    bool alone() const { return all_.count_ == 1; }
    /// It has let go of its rows.
    void end() {
      if (open_) --all_.count_;
      open_ = false;
    }

   private:
    OpenTransactions& all_;
    bool open_ = true;
  };

 private:
  std::atomic<int> count_ = 0;
};

/// What of a JobContext never changes, by job, as far as it was met; without world and inputs,
/// which a transaction reads for itself. Keeps at most kJobsKept. And where searches may begin, and
/// how many are open, and whether a limit was met: what else transactions of one store know of each
/// other. Any thread.
class JobCache {
 public:
  JobCache() = default;

  std::shared_ptr<const JobContext> find(const JobKey& key) const WEIR_EXCLUDES(mutex_);
  /// Reads those of the jobs that are not here, in one round trip inside the open transaction.
  Result<void> fetch(postgres::Connection& connection, const std::set<JobKey>& keys)
      WEIR_EXCLUDES(mutex_);
  ReadyMarks& marks() { return marks_; }
  OpenTransactions& transactions() { return transactions_; }
  /// Whether a job with max_concurrency was met.
  bool has_limits() const { return has_limits_; }
  void note_limits() { has_limits_ = true; }

 private:
  ReadyMarks marks_;
  OpenTransactions transactions_;
  std::atomic<bool> has_limits_ = false;
  mutable base::Mutex mutex_;
  std::map<JobKey, std::shared_ptr<const JobContext>> jobs_ WEIR_GUARDED_BY(mutex_);
};

/// The inputs of the jobs that were noted (postgres_task_sql.h).
extern const postgres::Statement kReadInputs;
/// Reads them, with the job they belong to.
std::vector<std::pair<JobKey, InputContext>> inputs_of(const postgres::Rows& rows);

}  // namespace weir::dispatcher
