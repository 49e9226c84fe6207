// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace weir::bench {

/// One measured figure. `against` names what it was measured beside in the same run; `ratio` is
/// ours over theirs; with a goal it holds or not.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string against;
  std::optional<double> ratio;
  std::string goal;  ///< "<= 2" or ">= 0.5"; empty: printed only
  std::optional<bool> holds;
};

Figure plain(std::string name, double value, std::string unit);
/// `ratio` at most / at least `bound`.
Figure at_most(Figure figure, double bound);
Figure at_least(Figure figure, double bound);
/// The value itself at most / at least `bound`.
Figure value_at_most(Figure figure, double bound);
Figure value_at_least(Figure figure, double bound);
Figure beside(Figure figure, std::string against, double theirs);

double median(std::vector<double> values);

/// A table for people, or a line a figure as JSON.
void print(const std::vector<Figure>& figures, bool json);

}  // namespace weir::bench
