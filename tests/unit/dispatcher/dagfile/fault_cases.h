// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/dagfile/faults.h"

/// Documents with faults as tables: a sound document, a change to it, and marks `«E_TYPE»` where a
/// fault must be told. The marks are taken out before the document is read, so each stands exactly
/// at the line and column that the answer must have.
namespace weir::dispatcher {

/// A case: in the document of this name, `from` (which must be there) becomes `to`.
struct FaultCase {
  std::string_view document;
  std::string_view from;
  std::string_view to;
};

/// A text without its marks, and what the marks say: "E_TYPE 3:5", in document order.
struct Marked {
  std::string text;
  std::vector<std::string> expected;
};
Marked marked(std::string_view text);

/// A sound document by its name: "cron" (a source and a reactive job), "ingest" (files, windows and
/// a published dataset), "udf" (user code and buffered tables), "alerts".
std::string_view sound_document(std::string_view name);

/// The document of a case after its change.
std::string changed_document(const FaultCase& fault_case);

/// Checks every case: the errors and warnings told are exactly those marked. `known` as in
/// validate_dag.
struct KnownNames;
void check_cases(std::span<const FaultCase> cases, const KnownNames* known = nullptr);

}  // namespace weir::dispatcher
