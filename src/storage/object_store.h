// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/byte_source.h"
#include "storage/object_key.h"
#include "storage/storage_uri.h"

namespace weir::storage {

/// What a put does where an object of that name is.
enum class Existing : std::uint8_t {
  Replace,  ///< the new one takes its place at once; who reads meanwhile gets either whole
  Refuse,   ///< nothing is written: success if the bytes are the same, else `object_exists`
};

struct PutOptions {
  Existing existing = Existing::Refuse;
  /// Lower-case hex SHA-256 that the bytes must have, else `source_changed`; empty: any.
  std::string sha256 = {};
};

/// Whether `stat` gives the checksum too; some stores read the whole object for it.
enum class Checksum : std::uint8_t { Skip, Read };

struct ObjectStat {
  std::uint64_t size = 0;
  std::string sha256 = {};  ///< lower-case hex; empty if it was not asked for
};

/// A part of an object. What lies past its end is left out.
struct ByteRange {
  std::uint64_t offset = 0;
  std::size_t length = 0;  ///< at most kRangeBytesMax
};

struct ListedObject {
  ObjectKey key;
  std::uint64_t size = 0;
  Instant modified;  ///< by the store's clock
};

struct ObjectPage {
  std::vector<ListedObject> objects;  ///< by the bytes of their keys
  /// Where the next page begins, empty at the end. A page may be short, even empty, with more
  /// behind.
  std::string next_after = {};
};

struct ListOptions {
  std::string after = {};    ///< only keys greater than this text
  std::size_t limit = 1000;  ///< 1 to kObjectPageMax
};

struct RemovedObjects {
  std::size_t removed = 0;
  bool done = true;  ///< false: there is more, call again
};

/// Port: objects under keys, each put and read whole or by ranges. May be called from any thread,
/// and by any number of processes at once.
///
/// An object is seen whole or not at all, and once its put has answered it outlives a power cut. A
/// key that is also a prefix of others (`a` beside `a/b`) may be refused with `key_conflict`; Weir
/// makes no such keys.
///
/// Faults: UNAVAILABLE `store_unavailable` (nothing is known of what the call did: repeat it),
/// RESOURCE_EXHAUSTED `store_full`, PERMISSION_DENIED `path_unsafe` (a link or a device where an
/// object should be), FAILED_PRECONDITION `key_conflict`, INVALID_ARGUMENT `range_invalid` (a
/// bound of a call) beside those named below.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Where the store begins.
  virtual const StorageRoot& root() const = 0;

  /// Puts a whole object and says what was put. ALREADY_EXISTS `object_exists`, INVALID_ARGUMENT
  /// `source_changed` (not the announced size or checksum); faults of the source as they are.
  virtual Result<ObjectStat> put(const ObjectKey& key, ByteSource& source,
                                 const PutOptions& options) = 0;

  /// Bytes of a range, fewer where the object ends. NOT_FOUND `object_not_found`.
  virtual Result<std::string> get(const ObjectKey& key, ByteRange range) = 0;

  /// NOT_FOUND `object_not_found`.
  virtual Result<ObjectStat> stat(const ObjectKey& key, Checksum checksum) = 0;

  /// Objects below a prefix. A prefix without objects is an empty page.
  virtual Result<ObjectPage> list(const ObjectPrefix& prefix, const ListOptions& options) = 0;

  /// Removes an object; success if there is none.
  virtual Result<void> remove(const ObjectKey& key) = 0;

  /// Removes at most `limit` (1 to kObjectPageMax) objects below a prefix.
  virtual Result<RemovedObjects> remove_prefix(const ObjectPrefix& prefix, std::size_t limit) = 0;

  /// Whether the store answers and takes objects.
  virtual Result<void> ping() = 0;
};

/// Puts bytes that are in memory.
Result<ObjectStat> put_text(ObjectStore& store, const ObjectKey& key, std::string_view bytes,
                            const PutOptions& options = {});

/// Reads a whole object of at most `bytes_max` (itself at most kRangeBytesMax - 1) bytes;
/// FAILED_PRECONDITION `object_too_large` beside the faults of `get`.
Result<std::string> get_text(ObjectStore& store, const ObjectKey& key, std::size_t bytes_max);

}  // namespace weir::storage
