// SPDX-License-Identifier: Apache-2.0
#include "bench/support/report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

namespace weir::bench {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
  return text;
}

void print_json(const Figure& figure) {
  nlohmann::ordered_json line;
  line["name"] = figure.name;
  line["value"] = figure.value;
  line["unit"] = figure.unit;
  line["against"] = figure.against;
  line["ratio"] = figure.ratio ? nlohmann::ordered_json(*figure.ratio) : nlohmann::ordered_json();
  line["goal"] = figure.goal;
  line["holds"] = figure.holds ? nlohmann::ordered_json(*figure.holds) : nlohmann::ordered_json();
  std::printf("%s\n", line.dump().c_str());
}

}  // namespace

Figure plain(std::string name, double value, std::string unit) {
  Figure figure;
  figure.name = std::move(name);
  figure.value = value;
  figure.unit = std::move(unit);
  return figure;
}

Figure beside(Figure figure, std::string against, double theirs) {
  figure.against = std::move(against);
  figure.ratio = theirs > 0 ? figure.value / theirs : 0;
  return figure;
}

Figure at_most(Figure figure, double bound) {
  figure.goal = "<= " + number(bound);
  figure.holds = figure.ratio && *figure.ratio <= bound;
  return figure;
}

Figure at_least(Figure figure, double bound) {
  figure.goal = ">= " + number(bound);
  figure.holds = figure.ratio && *figure.ratio >= bound;
  return figure;
}

Figure value_at_most(Figure figure, double bound) {
  figure.goal = "value <= " + number(bound);
  figure.holds = figure.value <= bound;
  return figure;
}

Figure value_at_least(Figure figure, double bound) {
  figure.goal = "value >= " + number(bound);
  figure.holds = figure.value >= bound;
  return figure;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void print(const std::vector<Figure>& figures, bool json) {
  if (json) {
    for (const Figure& figure : figures) print_json(figure);
    return;
  }
  std::printf("%-58s %10s %-9s %7s  %-14s %s\n", "figure", "value", "unit", "ratio", "goal",
              "against");
  for (const Figure& figure : figures) {
    const std::string verdict = !figure.holds ? "" : *figure.holds ? " ok" : " MISSED";
    std::printf("%-58s %10s %-9s %7s  %-14s %s\n", figure.name.c_str(),
                number(figure.value).c_str(), figure.unit.c_str(),
                figure.ratio ? number(*figure.ratio).c_str() : "", (figure.goal + verdict).c_str(),
                figure.against.c_str());
  }
}

}  // namespace weir::bench
