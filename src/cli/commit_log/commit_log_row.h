// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/kafka/consumer.h"

namespace weir::cli {

/// A row of a commit log, as the gateway writes it (contract section 1.5).
struct CommitLogRow {
  std::string node_id;
  std::string compute_key = {};  ///< empty: the key names none
  std::string bucket_ts;         ///< JSON, as written
  std::string input_window_hash;
  std::string payload;  ///< JSON, as written

  friend bool operator==(const CommitLogRow&, const CommitLogRow&) = default;
};

/// The row of a message: its value is [node_id, bucket_ts, input_window_hash, payload], its key
/// begins with that node and ends with that window. INVALID_ARGUMENT `bad_message` says what is
/// wrong; a tombstone is one.
Result<CommitLogRow> read_commit_log_row(const kafka::Message& message);

/// What makes two rows equal: node, compute key, time and window.
std::string identity_of(const CommitLogRow& row);

/// The row as one line of JSON, with where it stood.
std::string row_line(const CommitLogRow& row, const kafka::Message& message);

}  // namespace weir::cli
