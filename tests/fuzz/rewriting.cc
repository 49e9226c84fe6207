// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/rewriting.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::fuzz {
namespace {

class Rewriter {
 public:
  Rewriter(base::SeededRandom& random, ListOrder lists) : random_(random), lists_(lists) {}

  /// `depth` counts from the root, 0; `in_nodes`: the value is below the root's `nodes`.
  void write(JsonValue value, int depth, bool in_nodes) {
    switch (value.kind()) {
      case JsonKind::Null:
        out_ += "null";
        return;
      case JsonKind::True:
        out_ += "true";
        return;
      case JsonKind::False:
        out_ += "false";
        return;
      case JsonKind::Integer:
      case JsonKind::Double:
        out_ += value.text();
        return;
      case JsonKind::Text:
        base::append_json_text(out_, value.text());
        return;
      case JsonKind::Array:
      case JsonKind::Object:
        write_container(value, depth, in_nodes);
        return;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void write_container(JsonValue value, int depth, bool in_nodes) {
    std::vector<JsonValue> children;
    for (const JsonValue child : value) children.push_back(child);
    const bool object = value.is_object();
    if (object ? !repeats_a_key(children) : is_free_list(value, depth, in_nodes)) {
      for (std::size_t i = children.size(); i > 1; --i) {
        std::swap(children[i - 1], children[random_.below(i)]);
      }
    }
    out_ += object ? '{' : '[';
    bool first = true;
    for (const JsonValue child : children) {
      if (!std::exchange(first, false)) out_ += ", ";
      if (object) {
        base::append_json_text(out_, child.key());
        out_ += " : ";
      }
      write(child, depth + 1, in_nodes || (depth == 0 && child.key() == "nodes"));
    }
    out_ += object ? '}' : ']';
  }

  /// root 0, `nodes` 1, a node 2, a list of the node 3.
  bool is_free_list(JsonValue list, int depth, bool in_nodes) const {
    return lists_ == ListOrder::FreeInNodes && in_nodes && depth == 3 &&
           (list.key() == "inputs" || list.key() == "dependencies");
  }

  static bool repeats_a_key(const std::vector<JsonValue>& members) {
    std::set<std::string_view> keys;
    return std::ranges::any_of(members,
                               [&](JsonValue member) { return !keys.insert(member.key()).second; });
  }

  base::SeededRandom& random_;
  ListOrder lists_;
  std::string out_;
};

}  // namespace

std::string rewritten(JsonValue value, base::SeededRandom& random, ListOrder lists) {
  Rewriter rewriter(random, lists);
  rewriter.write(value, 0, false);
  return rewriter.take();
}

}  // namespace weir::fuzz
