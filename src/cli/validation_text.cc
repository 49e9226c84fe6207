// SPDX-License-Identifier: Apache-2.0
#include "cli/validation_text.h"

#include <nlohmann/json.hpp>

namespace weir::cli {
namespace {

using dispatcher::DagFault;

std::string fault_line(const std::string& file, const DagFault& fault) {
  std::string line = file + ":" + std::to_string(fault.line) + ":" + std::to_string(fault.column) +
                     ": " + fault.code + " ";
  if (!fault.path.empty()) line += fault.path + ": ";
  line += fault.detail;
  if (!fault.hint.empty()) line += "; did you mean `" + fault.hint + "`?";
  return line + "\n";
}

nlohmann::ordered_json fault_json(const DagFault& fault) {
  nlohmann::ordered_json json = {{"code", fault.code},
                                 {"path", fault.path},
                                 {"line", fault.line},
                                 {"column", fault.column},
                                 {"detail", fault.detail}};
  if (!fault.hint.empty()) json["hint"] = fault.hint;
  return json;
}

nlohmann::ordered_json faults_json(const std::vector<DagFault>& faults) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const DagFault& fault : faults) list.push_back(fault_json(fault));
  return list;
}

std::string count_text(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string validation_text(const std::vector<FileReport>& reports) {
  std::string text;
  for (const auto& [file, report] : reports) {
    for (const DagFault& fault : report.errors) text += fault_line(file, fault);
    for (const DagFault& fault : report.warnings) text += fault_line(file, fault);
    if (!report.file) continue;
    text +=
        file + ": valid: " + report.file->name + ", " + count_text(report.file->jobs.size(), "job");
    if (!report.warnings.empty()) text += ", " + count_text(report.warnings.size(), "warning");
    text += "\n";
  }
  return text;
}

std::string validation_json(const std::vector<FileReport>& reports) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const auto& [file, report] : reports) {
    all.push_back({{"file", file},
                   {"valid", report.valid()},
                   {"errors", faults_json(report.errors)},
                   {"warnings", faults_json(report.warnings)}});
  }
  const nlohmann::ordered_json& out = all.size() == 1 ? all.front() : all;
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace weir::cli
