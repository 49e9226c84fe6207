// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_dataset_reader.h"

#include <array>
#include <string_view>
#include <utility>

#include "base/enum_words.h"
#include "dispatcher/ports/database/org_scope.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

// The asked versions, each under its number: by id, or the current one of a name.
constexpr const char* kAsked =
    "WITH asked AS ("
    "  SELECT a.no, coalesce(a.version, c.dataset_version) AS dataset_version, c.dataset_id"
    "    FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS a (version, name, no)"
    "    LEFT JOIN state.dataset_current c"
    "      ON c.org_id = $1 AND c.world = 'live' AND (c.dataset_version = a.version OR"
    "         (a.version IS NULL AND c.dataset_id = a.name))) ";

const std::string kVersionsSql =
    std::string(kAsked) +
    "SELECT a.no, v.dataset_uuid, v.dataset_version, a.dataset_id, v.kind, v.schema,"
    "       v.max_cursor_int"
    "  FROM asked a JOIN state.dataset_versions v USING (dataset_version)"
    "  JOIN state.datasets d ON d.dataset_uuid = v.dataset_uuid AND d.org_id = $1"
    " WHERE v.state IN ('building', 'complete')";
const std::string kPartitionsSql =
    std::string(kAsked) +
    "SELECT a.no, p.partition_key, p.location, encode(p.manifest_sha256, 'hex')"
    "  FROM asked a JOIN state.dataset_versions v USING (dataset_version)"
    "  JOIN state.datasets d ON d.dataset_uuid = v.dataset_uuid AND d.org_id = $1"
    "  JOIN LATERAL (SELECT * FROM state.partition_versions p"
    "                 WHERE p.dataset_version = v.dataset_version AND p.superseded_at IS NULL"
    "                   AND p.location IS NOT NULL"
    "                 ORDER BY p.partition_key LIMIT $4) p ON true"
    " WHERE v.kind = 'parquet' ORDER BY a.no, p.partition_key";

constexpr std::array<std::string_view, 4> kKinds = {"events", "parquet", "table", "virtual"};

Params asked_params(const OrgId& org, std::span<const VersionAsk> asked) {
  Params params;
  params.uuid(org.uuid());
  params.uuid_array(asked, [](const VersionAsk& ask) -> std::optional<Uuid> {
    return ask.version ? std::optional<Uuid>(ask.version->uuid()) : std::nullopt;
  });
  params.text_array(asked, &VersionAsk::dataset_id);
  return params;
}

VersionFacts version_of(const Rows& rows, std::size_t row) {
  VersionFacts facts;
  facts.dataset = DatasetUuid(rows.uuid(row, 1));
  facts.version = DatasetVersionId(rows.uuid(row, 2));
  facts.dataset_id = rows.text_if(row, 3).value_or("");
  facts.kind = base::enum_of<DatasetKind>(kKinds, rows.text(row, 4)).value_or(DatasetKind::Events);
  facts.schema_json = rows.text_if(row, 5).value_or("");
  facts.max_cursor = rows.int64_if(row, 6);
  if (facts.kind == DatasetKind::Parquet) facts.partitions.emplace();
  return facts;
}

}  // namespace

Result<std::vector<std::optional<VersionFacts>>> PostgresDatasetReader::versions(
    const OrgId& org, std::span<const VersionAsk> asked) {
  WEIR_TRY(const auto connection, pool_.acquire(kUserPoolWait));
  static const Statement kVersions{.name = "dataset_versions", .sql = kVersionsSql.c_str()};
  static const Statement kPartitions{.name = "dataset_partitions", .sql = kPartitionsSql.c_str()};
  Pipeline pipeline(*connection);
  pipeline.begin();
  Params scope;
  scope.text(org.text());
  pipeline.add(kSetOrg, std::move(scope));
  const std::size_t versions = pipeline.add(kVersions, asked_params(org, asked));
  Params partition_params = asked_params(org, asked);
  partition_params.int64(static_cast<std::int64_t>(kPartitionsListed) + 1);
  const std::size_t partitions = pipeline.add(kPartitions, std::move(partition_params));
  pipeline.commit();
  WEIR_TRY(const auto results, pipeline.run());

  std::vector<std::optional<VersionFacts>> found(asked.size());
  for (std::size_t row = 0; row < results[versions].size(); ++row) {
    const auto number = static_cast<std::size_t>(results[versions].int64(row, 0));
    found[number - 1] = version_of(results[versions], row);
  }
  for (std::size_t row = 0; row < results[partitions].size(); ++row) {
    const auto number = static_cast<std::size_t>(results[partitions].int64(row, 0));
    auto& facts = found[number - 1];
    if (!facts || !facts->partitions) continue;
    if (facts->partitions->size() == kPartitionsListed) {
      facts->partitions.reset();
      continue;
    }
    const Rows& rows = results[partitions];
    facts->partitions->push_back({std::string(rows.text(row, 1)), std::string(rows.text(row, 2)),
                                  std::string(rows.text_if(row, 3).value_or(""))});
  }
  return found;
}

}  // namespace weir::dispatcher
