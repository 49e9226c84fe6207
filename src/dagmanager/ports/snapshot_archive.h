// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/blake3.h"
#include "base/clock.h"
#include "base/strong_text.h"

/// Records as bytes: numbers little-endian in eight bytes, texts and lists behind their length. A
/// record is described once, by a `field` of this namespace that names its parts in their order;
/// with a SnapshotWriter that writes them, with a SnapshotReader it reads the same sequence.
namespace weir::dagmanager {

/// Appends to a text.
class SnapshotWriter {
 public:
  static constexpr bool kReads = false;
  explicit SnapshotWriter(std::string& out) : out_(out) {}

  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  void number(const T& value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i, bits >>= 8) out_ += static_cast<char>(bits & 0xff);
  }
  void number(const double& value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    number(bits);
  }
  void text(const std::string& value) {
    number(value.size());
    out_ += value;
  }
  void bytes(const base::Digest& digest) {
    out_.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  }
  template <class T>
  std::size_t size(const T& container) {
    number(container.size());
    return container.size();
  }
  bool ok() const { return true; }

 private:
  std::string& out_;
};

/// Reads what a SnapshotWriter wrote. Bytes that are none of it make it not ok, and leave the rest
/// as it was.
class SnapshotReader {
 public:
  static constexpr bool kReads = true;
  explicit SnapshotReader(std::string_view in) : in_(in) {}

  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  void number(T& value) {
    std::uint64_t bits = 0;
    if (!take(8)) return;
    for (int i = 7; i >= 0; --i) {
      bits = (bits << 8) | static_cast<unsigned char>(in_[at_ - 8 + static_cast<std::size_t>(i)]);
    }
    value = static_cast<T>(bits);
  }
  void number(double& value) {
    std::uint64_t bits = 0;
    number(bits);
    std::memcpy(&value, &bits, sizeof value);
  }
  void text(std::string& value) {
    std::size_t length = 0;
    number(length);
    if (take(length)) value.assign(in_.substr(at_ - length, length));
  }
  void bytes(base::Digest& digest) {
    if (take(digest.size()))
      std::memcpy(digest.data(), in_.data() + at_ - digest.size(), digest.size());
  }
  template <class T>
  std::size_t size(T& container) {
    std::size_t count = 0;
    number(count);
    if (count > in_.size()) ok_ = false;  // every element takes at least a byte
    if (!ok_) return 0;
    if constexpr (requires { container.resize(count); }) container.resize(count);
    return count;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return at_ == in_.size(); }

 private:
  bool take(std::size_t count) {
    if (!ok_ || count > in_.size() - at_) return ok_ = false;
    at_ += count;
    return true;
  }
  std::string_view in_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

template <class A, class Tag>
void field(A& archive, base::StrongText<Tag>& id) {
  if constexpr (A::kReads) {
    std::string text;
    archive.text(text);
    id = base::StrongText<Tag>(std::move(text));
  } else {
    archive.text(id.text());
  }
}
template <class A>
void field(A& archive, std::string& value) {
  archive.text(value);
}
template <class A>
void field(A& archive, base::Digest& value) {
  archive.bytes(value);
}
template <class A>
void field(A& archive, Instant& value) {
  auto micros = value.time_since_epoch().count();
  archive.number(micros);
  value = Instant(Duration(micros));
}
template <class A, class T>
  requires std::integral<T> || std::floating_point<T> || std::is_enum_v<T>
void field(A& archive, T& value) {
  archive.number(value);
}
template <class A, class... Fields>
void fields(A& archive, Fields&... each) {
  (field(archive, each), ...);
}

template <class A, class T>
void field(A& archive, std::optional<T>& value) {
  bool present = value.has_value();
  archive.number(present);
  if (!present) return;
  if (!value) value.emplace();
  field(archive, *value);
}
template <class A, class T>
void field(A& archive, std::vector<T>& values) {
  archive.size(values);
  for (T& value : values) {
    if (archive.ok()) field(archive, value);
  }
}

}  // namespace weir::dagmanager
