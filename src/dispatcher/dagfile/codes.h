// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

/// The stable words of what can be wrong with a DAG file (contract section 2.1). Errors keep a file
/// from being deployed, warnings never do.
namespace weir::dispatcher::code {

inline constexpr std::string_view kYaml = "E_YAML";
inline constexpr std::string_view kYamlFeature = "E_YAML_FEATURE";
inline constexpr std::string_view kDuplicateKey = "E_DUPLICATE_KEY";
inline constexpr std::string_view kType = "E_TYPE";
inline constexpr std::string_view kUnknownField = "E_UNKNOWN_FIELD";
inline constexpr std::string_view kMissingField = "E_MISSING_FIELD";
inline constexpr std::string_view kNotApplicable = "E_NOT_APPLICABLE";
inline constexpr std::string_view kReserved = "E_RESERVED";
inline constexpr std::string_view kValue = "E_VALUE";
inline constexpr std::string_view kRange = "E_RANGE";
inline constexpr std::string_view kPattern = "E_PATTERN";
inline constexpr std::string_view kDuplicateJob = "E_DUPLICATE_JOB";
inline constexpr std::string_view kDuplicateItem = "E_DUPLICATE_ITEM";
inline constexpr std::string_view kUnknownOperator = "E_UNKNOWN_OPERATOR";
inline constexpr std::string_view kOperatorRuntime = "E_OPERATOR_RUNTIME";
inline constexpr std::string_view kOperatorActivation = "E_OPERATOR_ACTIVATION";
inline constexpr std::string_view kOperatorOutputs = "E_OPERATOR_OUTPUTS";
inline constexpr std::string_view kStrategyMismatch = "E_STRATEGY_MISMATCH";
inline constexpr std::string_view kConfig = "E_CONFIG";
inline constexpr std::string_view kUnknownJob = "E_UNKNOWN_JOB";
inline constexpr std::string_view kOutputRange = "E_OUTPUT_RANGE";
inline constexpr std::string_view kUnknownDataset = "E_UNKNOWN_DATASET";
inline constexpr std::string_view kCycle = "E_CYCLE";
inline constexpr std::string_view kWhereField = "E_WHERE_FIELD";
inline constexpr std::string_view kWhereType = "E_WHERE_TYPE";
inline constexpr std::string_view kSchedule = "E_SCHEDULE";
inline constexpr std::string_view kUdfRequired = "E_UDF_REQUIRED";
inline constexpr std::string_view kUdfForbidden = "E_UDF_FORBIDDEN";
inline constexpr std::string_view kUdfRuntime = "E_UDF_RUNTIME";
inline constexpr std::string_view kUnknownBundle = "E_UNKNOWN_BUNDLE";
inline constexpr std::string_view kSecretsUdf = "E_SECRETS_UDF";
inline constexpr std::string_view kSecretsRuntime = "E_SECRETS_RUNTIME";
inline constexpr std::string_view kWriteMode = "E_WRITE_MODE";
inline constexpr std::string_view kStorage = "E_STORAGE";
inline constexpr std::string_view kSchema = "E_SCHEMA";
inline constexpr std::string_view kBufferedAppend = "E_BUFFERED_APPEND";
inline constexpr std::string_view kUniqueMismatch = "E_UNIQUE_MISMATCH";
inline constexpr std::string_view kOutputPublishedTwice = "E_OUTPUT_PUBLISHED_TWICE";
inline constexpr std::string_view kDatasetOwned = "E_DATASET_OWNED";
inline constexpr std::string_view kNameMismatch = "E_NAME_MISMATCH";
inline constexpr std::string_view kCheck = "E_CHECK";
inline constexpr std::string_view kNotAvailable = "E_NOT_AVAILABLE";
inline constexpr std::string_view kLimit = "E_LIMIT";
inline constexpr std::string_view kTooMany = "E_TOO_MANY";

inline constexpr std::string_view kUnresolvedDataset = "W_UNRESOLVED_DATASET";
inline constexpr std::string_view kEntrypointUnknown = "W_ENTRYPOINT_UNKNOWN";
inline constexpr std::string_view kUnusedJob = "W_UNUSED_JOB";
inline constexpr std::string_view kHeartbeatGtTimeout = "W_HEARTBEAT_GT_TIMEOUT";
inline constexpr std::string_view kDatasetNameStyle = "W_DATASET_NAME_STYLE";
/// Given by the plan of a deploy (section 6.6), never by a file alone.
inline constexpr std::string_view kEmptyRebuild = "W_EMPTY_REBUILD";

/// All errors, in the contract's order.
inline constexpr std::array kErrors = {kYaml,
                                       kYamlFeature,
                                       kDuplicateKey,
                                       kType,
                                       kUnknownField,
                                       kMissingField,
                                       kNotApplicable,
                                       kReserved,
                                       kValue,
                                       kRange,
                                       kPattern,
                                       kDuplicateJob,
                                       kDuplicateItem,
                                       kUnknownOperator,
                                       kOperatorRuntime,
                                       kOperatorActivation,
                                       kOperatorOutputs,
                                       kStrategyMismatch,
                                       kConfig,
                                       kUnknownJob,
                                       kOutputRange,
                                       kUnknownDataset,
                                       kCycle,
                                       kWhereField,
                                       kWhereType,
                                       kSchedule,
                                       kUdfRequired,
                                       kUdfForbidden,
                                       kUdfRuntime,
                                       kUnknownBundle,
                                       kSecretsUdf,
                                       kSecretsRuntime,
                                       kWriteMode,
                                       kStorage,
                                       kSchema,
                                       kBufferedAppend,
                                       kUniqueMismatch,
                                       kOutputPublishedTwice,
                                       kDatasetOwned,
                                       kNameMismatch,
                                       kCheck,
                                       kNotAvailable,
                                       kLimit,
                                       kTooMany};

/// All warnings that a file alone can raise.
inline constexpr std::array kWarnings = {kUnresolvedDataset, kEntrypointUnknown, kUnusedJob,
                                         kHeartbeatGtTimeout, kDatasetNameStyle};

}  // namespace weir::dispatcher::code
