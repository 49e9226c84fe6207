// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/dagfile/fields.h"

/// Every mapping of a DAG file (contract sections 2.2 to 2.7, 6.18), as the reader checks it and
/// the JSON Schema describes it.
namespace weir::dispatcher {

const FieldTable& document_table();
const FieldTable& defaults_table();
const FieldTable& job_table();
const FieldTable& input_table();
/// `{job, output}` or `{dataset}`; which of them, the reader of edges tells.
const FieldTable& from_table();
const FieldTable& source_table();
const FieldTable& bootstrap_table();
const FieldTable& udf_table();
const FieldTable& scaling_table();
const FieldTable& publish_table();
const FieldTable& schema_table();
const FieldTable& column_table();
const FieldTable& check_table();

/// Words that a field of the tables takes and others look at.
inline constexpr std::array<std::string_view, 4> kCheckKinds = {"row_count", "null_share",
                                                                "freshness", "sql"};

}  // namespace weir::dispatcher
