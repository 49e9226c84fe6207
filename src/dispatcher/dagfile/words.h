// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/enum_words.h"

/// The closed sets of words of a DAG file: each an enum with the words in its order.
namespace weir::dispatcher {

enum class Activation : std::uint8_t { Source, Reactive };
inline constexpr std::array<std::string_view, 2> kActivations = {"source", "reactive"};

enum class Runtime : std::uint8_t { Lambda, EcsPlatform, Dispatcher };
inline constexpr std::array<std::string_view, 3> kRuntimes = {"lambda", "ecs_platform",
                                                              "dispatcher"};

enum class ExecutionStrategy : std::uint8_t { PerUpdate, PerPartition };
inline constexpr std::array<std::string_view, 2> kExecutionStrategies = {"PerUpdate",
                                                                         "PerPartition"};

enum class UpdateStrategy : std::uint8_t { Append, Replace };
inline constexpr std::array<std::string_view, 2> kUpdateStrategies = {"append", "replace"};

enum class SourceKind : std::uint8_t { Cron, Webhook, Manual, AlwaysOn };
inline constexpr std::array<std::string_view, 4> kSourceKinds = {"cron", "webhook", "manual",
                                                                 "always_on"};

enum class Priority : std::uint8_t { Low, Normal, High };
inline constexpr std::array<std::string_view, 3> kPriorities = {"low", "normal", "high"};

enum class BackpressureMode : std::uint8_t { Pause, None };
inline constexpr std::array<std::string_view, 2> kBackpressureModes = {"pause", "none"};

/// What a dataset version is kept as. `s3` means an object store, a folder on one machine.
enum class Storage : std::uint8_t { Postgres, ObjectStore, Events, Virtual };
inline constexpr std::array<std::string_view, 4> kStorages = {"postgres", "s3", "events",
                                                              "virtual"};
/// Those that `publish` may ask for.
inline constexpr std::span<const std::string_view> kPublishedStorages =
    std::span(kStorages).first<2>();

enum class WriteMode : std::uint8_t { Buffered, Direct };
inline constexpr std::array<std::string_view, 2> kWriteModes = {"buffered", "direct"};

/// What an operator's events name (section 2.6).
enum class EmittedScope : std::uint8_t {
  OfCursor,
  OfPartition,
  OfTrigger,
  OfCaller,
  Passed,
  Unknown
};
inline constexpr std::array<std::string_view, 6> kEmittedScopes = {
    "cursor", "partition", "trigger", "caller", "passed", "unknown"};

enum class BundleLanguage : std::uint8_t { Node, Python, Rust };
inline constexpr std::array<std::string_view, 3> kBundleLanguages = {"node", "python", "rust"};

/// Types of a table's columns (section 2.7).
inline constexpr std::array<std::string_view, 10> kColumnTypes = {
    "text",        "bigint", "double", "boolean", "numeric",
    "timestamptz", "date",   "uuid",   "jsonb",   "bytea"};
/// Types of a filter besides those (section 2.1, snapshot).
inline constexpr std::array<std::string_view, 4> kFilterTypes = {"int", "double", "bool", "string"};

using base::enum_of;
using base::word_of;

/// A set of an enum's values.
template <class Enum>
class WordSet {
 public:
  constexpr WordSet() = default;
  template <class... More>
  constexpr explicit WordSet(Enum first, More... more) : bits_((bit(first) | ... | bit(more))) {}

  constexpr bool has(Enum value) const { return (bits_ & bit(value)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr void add(Enum value) { bits_ |= bit(value); }

 private:
  static constexpr unsigned bit(Enum value) { return 1U << static_cast<unsigned>(value); }
  unsigned bits_ = 0;
};

}  // namespace weir::dispatcher
