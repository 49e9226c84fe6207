// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/file_check.h"

#include <utility>

#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/yaml_reader.h"
#include "dispatcher/deploy/definition.h"

namespace weir::dispatcher {
namespace {

YamlValue job_at(const YamlTree& tree, std::size_t index) {
  std::size_t at = 0;
  for (const YamlValue job : tree.root().find("jobs")) {
    if (at++ == index) return job;
  }
  return {};
}

void find_unknown_columns(const DagFile& file, const YamlTree& tree, FaultList& faults) {
  for (std::size_t i = 0; i < file.jobs.size(); ++i) {
    const DagJob& job = file.jobs[i];
    for (const DagOutput& output : job.outputs) {
      if (output.place.write_mode != WriteMode::Direct || columns_of(job, output)) continue;
      faults.at_value(job_at(tree, i).find("operator"), code::kNotAvailable,
                      {.detail = "writes a table whose columns are not known: let its config have "
                                 "`columns`"});
      break;
    }
  }
}

}  // namespace

ValidationReport check_file(std::string_view yaml, const ValidationContext& context) {
  ValidationReport report = validate_dag(yaml, context);
  if (!report.file) return report;
  FaultList ignored;
  FaultList faults;
  YamlTree tree;
  if (!read_yaml(yaml, tree, ignored)) return report;
  find_unknown_columns(*report.file, tree, faults);
  report.errors = std::move(faults).in_order(yaml, /*tell_more=*/true);
  if (!report.errors.empty()) report.file.reset();
  return report;
}

std::string name_in(std::string_view yaml) {
  FaultList ignored;
  YamlTree tree;
  if (!read_yaml(yaml, tree, ignored)) return {};
  const YamlValue name = tree.root().find("name");
  return name.is_scalar() ? std::string(name.text()) : std::string();
}

void place_faults(std::string_view yaml, std::vector<DagFault>& faults) {
  if (faults.empty()) return;
  FaultList ignored;
  YamlTree tree;
  if (!read_yaml(yaml, tree, ignored)) return;
  std::size_t index = 0;
  for (const YamlValue job : tree.root().find("jobs")) {
    const std::string path = "jobs[" + std::to_string(index++) + "].name";
    for (DagFault& fault : faults) {
      if (fault.path != path) continue;
      FaultList placed;
      placed.at_value(job.find("name"), code::kEmptyRebuild, {.detail = fault.detail});
      fault = std::move(placed).in_order(yaml, /*tell_more=*/false).front();
    }
  }
}

}  // namespace weir::dispatcher
