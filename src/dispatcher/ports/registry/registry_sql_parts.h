// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

/// Expressions over a row of dataset_versions, named by its alias.
namespace weir::dispatcher::registry_sql {

/// JSON: a number, or a text where it is one or is larger than JSON numbers may be.
inline std::string max_cursor(const std::string& version) {
  const std::string number = version + ".max_cursor_int";
  return "CASE " + version + ".cursor_type WHEN 'text' THEN to_json(" + version +
         ".max_cursor_text) WHEN 'int' THEN CASE WHEN abs(" + number +
         "::numeric) > 9007199254740991 THEN to_json(" + number + "::text) ELSE to_json(" + number +
         ") END END";
}

/// Milliseconds since its newest event was accepted; NULL without events.
inline std::string freshness(const std::string& version) {
  return "(SELECT greatest(0, floor(extract(epoch FROM clock_timestamp() - e.accepted_at) * "
         "1000))::bigint FROM state.events e WHERE e.dataset_version = " +
         version + ".dataset_version AND e.seq = " + version + ".last_seq)";
}

/// Joins `r`: what the database knows of a version's table, if it stands in this database.
inline std::string table_of(const std::string& version) {
  return " LEFT JOIN pg_catalog.pg_class r ON " + version +
         ".kind = 'table' AND r.relname = ('d_' || replace(" + version +
         ".dataset_version::text, '-', ''))::name AND r.relnamespace ="
         " (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'data')";
}
/// Counted for parquet, the database's estimate for tables, else NULL.
inline std::string row_count(const std::string& version) {
  return "CASE " + version + ".kind WHEN 'parquet' THEN " + version +
         ".row_count WHEN 'table' THEN CASE WHEN r.reltuples >= 0 THEN r.reltuples::bigint END END";
}
inline std::string byte_count(const std::string& version) {
  return "CASE " + version + ".kind WHEN 'parquet' THEN " + version +
         ".bytes WHEN 'table' THEN CASE WHEN r.reltuples >= 0 THEN r.relpages::bigint * "
         "current_setting('block_size')::bigint END END";
}

}  // namespace weir::dispatcher::registry_sql
