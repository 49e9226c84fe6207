// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/validate.h"

#include <utility>

#include "base/assert.h"
#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/draft.h"
#include "dispatcher/dagfile/tables.h"
#include "dispatcher/dagfile/yaml_reader.h"

namespace weir::dispatcher {
namespace {

void read_head(Draft& draft, const YamlTree& tree) {
  draft.document = read_fields(tree.root(), document_table(), draft.errors);
  const Field& name = draft.document["name"];
  const std::string& expected = draft.context.expected_name;
  if (name.good && !expected.empty() && name.text() != expected) {
    draft.errors.at_value(name.value, code::kNameMismatch,
                          {.detail = "this deploys the DAG " + shown(expected)});
  }
  if (const Field& defaults = draft.document["defaults"]; defaults.good) {
    draft.defaults = read_fields(defaults.value, defaults_table(), draft.errors);
  } else {
    draft.defaults = FieldSet({}, defaults_table().rules);
  }
}

void validate(Draft& draft, const YamlTree& tree) {
  read_head(draft, tree);
  read_jobs(draft);
  read_publish(draft);
  link_jobs(draft);
  check_publish(draft);
  check_links(draft);
}

}  // namespace

ValidationReport validate_dag(std::string_view text, const ValidationContext& context) {
  WEIR_ASSERT((context.mode == ValidationMode::Offline) == (context.known == nullptr));
  WEIR_ASSERT((context.mode == ValidationMode::Deploy) == (context.engines != nullptr));
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());

  FaultList errors;
  FaultList warnings;
  YamlTree tree;
  ValidationReport report;
  Draft draft(context, errors, warnings);
  if (read_yaml(text, tree, errors)) validate(draft, tree);
  if (errors.empty()) report.file = make_dag_file(draft);
  report.errors = std::move(errors).in_order(text, /*tell_more=*/true);
  report.warnings = std::move(warnings).in_order(text, /*tell_more=*/false);
  return report;
}

}  // namespace weir::dispatcher
