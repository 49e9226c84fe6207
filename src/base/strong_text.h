// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::base {

/// A text that is an identifier of one kind. `StrongText<struct NodeIdTag>` and
/// `StrongText<struct TopicTag>` do not convert into each other, nor from bare strings.
template <class Tag>
class StrongText {
 public:
  StrongText() = default;
  explicit StrongText(std::string text) : text_(std::move(text)) {}
  explicit StrongText(std::string_view text) : text_(text) {}
  explicit StrongText(const char* text) : text_(text) {}

  const std::string& text() const& { return text_; }
  std::string&& text() && { return std::move(text_); }
  std::string_view view() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const StrongText&, const StrongText&) = default;
  friend auto operator<=>(const StrongText&, const StrongText&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const StrongText& id) {
    return H::combine(std::move(state), id.text_);
  }

 private:
  std::string text_;
};

}  // namespace weir::base

template <class Tag>
struct std::hash<weir::base::StrongText<Tag>> {
  std::size_t operator()(const weir::base::StrongText<Tag>& id) const noexcept {
    return std::hash<std::string_view>{}(id.view());
  }
};
