// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/random.h"
#include "storage/object_store.h"

namespace weir::storage {

/// How often each thing goes wrong, in percent of calls or objects.
struct ObjectFaults {
  unsigned call_lost = 0;   ///< the call never arrives
  unsigned reply_lost = 0;  ///< it is carried out, the caller hears `store_unavailable`
  unsigned seen_late = 0;   ///< a new object is not seen by up to `late_reads` reads and listings
  unsigned late_reads = 3;
  unsigned list_short = 0;  ///< a page ends early, with more behind it
  unsigned list_holes = 0;  ///< an object is left out of a page although it is there
};

/// Decorator that makes an ObjectStore behave as stores do on a bad day. Faults stop after
/// `faults_max` of them, so that a schedule always has an end. Nobody else may
/// draw from `random` while threads share the store.
class FaultyObjectStore final : public ObjectStore {
 public:
  FaultyObjectStore(ObjectStore& inner, base::SeededRandom& random, ObjectFaults faults,
                    int faults_max)
      : inner_(inner), random_(random), faults_(faults), faults_left_(faults_max) {}

  const StorageRoot& root() const override { return inner_.root(); }
  Result<ObjectStat> put(const ObjectKey& key, ByteSource& source,
                         const PutOptions& options) override;
  Result<std::string> get(const ObjectKey& key, ByteRange range) override;
  Result<ObjectStat> stat(const ObjectKey& key, Checksum checksum) override;
  Result<ObjectPage> list(const ObjectPrefix& prefix, const ListOptions& options) override;
  Result<void> remove(const ObjectKey& key) override;
  Result<RemovedObjects> remove_prefix(const ObjectPrefix& prefix, std::size_t limit) override;
  Result<void> ping() override;

 private:
  bool strikes(unsigned percent);
  std::size_t below(std::size_t bound);
  Result<void> arrive();
  template <class T>
  Result<T> answer(Result<T> result);
  bool is_hidden(const std::string& key);

  ObjectStore& inner_;
  std::mutex mutex_;
  base::SeededRandom& random_;
  ObjectFaults faults_;
  int faults_left_;
  std::map<std::string, unsigned> hidden_;  // reads left in which an object is not seen
};

}  // namespace weir::storage
