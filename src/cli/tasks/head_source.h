// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/uuid.h"
#include "cli/tasks/json_cells.h"
#include "dispatcher/dispatcher_config.h"
#include "drivers/postgres/connection.h"

namespace weir::cli {

struct HeadRequest {
  std::string dataset_id;
  std::string world;
  int rows = 0;
};

/// What `dataset head` reads of this machine's database: which version a name stands for, under a
/// pin for as long as this lives, and where its first rows are. All as role weir_query, which sees
/// nothing but what readers may (contract section 6.10). One thread.
class HeadSource {
 public:
  /// Resolves the name and pins the version, in one transaction. NOT_FOUND `not_found`; errors of
  /// the database.
  static Result<std::unique_ptr<HeadSource>> open(const dispatcher::DispatcherConfig& config,
                                                  HeadRequest request, Random& random);
  ~HeadSource();
  HeadSource(const HeadSource&) = delete;
  HeadSource& operator=(const HeadSource&) = delete;

  /// "events", "parquet", "table", "virtual".
  const std::string& kind() const { return kind_; }
  /// `query_id` and `pinned` of section 3.6, with no rows yet.
  JsonTree answer() const;

  /// Paths of the files that hold the first rows of a parquet version, in the order of its
  /// partitions; only files that a commit lists. Errors of the object store.
  Result<std::vector<std::string>> files(Random& random) const;

  /// Puts columns and first rows of a version that is a table into an answer.
  Result<void> read_table(JsonTree& answer) const;

  /// Writes the row of `query_audit` that goes before an answer.
  Result<void> audit(const JsonTree& answer) const;

 private:
  HeadSource(const dispatcher::DispatcherConfig& config, HeadRequest request)
      : config_(config), request_(std::move(request)) {}

  Result<void> find_caller();
  Result<void> resolve_and_pin();

  const dispatcher::DispatcherConfig& config_;
  const HeadRequest request_;
  std::unique_ptr<postgres::Connection> state_;
  base::Uuid query_id_;
  base::Uuid org_id_;
  base::Uuid user_id_;
  base::Uuid dataset_;
  base::Uuid version_;
  base::Uuid dag_version_;
  std::int64_t generation_ = 0;
  std::string kind_;
  bool pinned_ = false;
};

}  // namespace weir::cli
