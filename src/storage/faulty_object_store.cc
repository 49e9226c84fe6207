// SPDX-License-Identifier: Apache-2.0
#include "storage/faulty_object_store.h"

#include <utility>

#include "storage/store_faults.h"

namespace weir::storage {

bool FaultyObjectStore::strikes(unsigned percent) {
  const std::scoped_lock lock(mutex_);
  if (faults_left_ <= 0 || !random_.chance(percent)) return false;
  --faults_left_;
  return true;
}

std::size_t FaultyObjectStore::below(std::size_t bound) {
  const std::scoped_lock lock(mutex_);
  return random_.below(bound);
}

Result<void> FaultyObjectStore::arrive() {
  if (!strikes(faults_.call_lost)) return {};
  return base::unavailable("store_unavailable", "the call was lost");
}

template <class T>
Result<T> FaultyObjectStore::answer(Result<T> result) {
  if (!strikes(faults_.reply_lost)) return result;
  return base::unavailable("store_unavailable", "the reply was lost");
}

bool FaultyObjectStore::is_hidden(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto late = hidden_.find(key);
  if (late == hidden_.end()) return false;
  if (--late->second == 0) hidden_.erase(late);
  return true;
}

Result<ObjectStat> FaultyObjectStore::put(const ObjectKey& key, ByteSource& source,
                                          const PutOptions& options) {
  WEIR_CHECK(arrive());
  auto put = inner_.put(key, source, options);
  if (put.ok() && faults_.late_reads > 0 && strikes(faults_.seen_late)) {
    const std::scoped_lock lock(mutex_);
    hidden_[key.text()] = 1 + static_cast<unsigned>(random_.below(faults_.late_reads));
  }
  return answer(std::move(put));
}

Result<std::string> FaultyObjectStore::get(const ObjectKey& key, ByteRange range) {
  WEIR_CHECK(arrive());
  if (is_hidden(key.text())) return object_not_found(key);
  return answer(inner_.get(key, range));
}

Result<ObjectStat> FaultyObjectStore::stat(const ObjectKey& key, Checksum checksum) {
  WEIR_CHECK(arrive());
  if (is_hidden(key.text())) return object_not_found(key);
  return answer(inner_.stat(key, checksum));
}

Result<ObjectPage> FaultyObjectStore::list(const ObjectPrefix& prefix, const ListOptions& options) {
  WEIR_CHECK(arrive());
  WEIR_TRY(auto page, inner_.list(prefix, options));
  if (!page.objects.empty() && strikes(faults_.list_short)) {
    const std::size_t kept = below(page.objects.size());
    page.next_after = kept == 0 ? options.after : page.objects[kept - 1].key.text();
    if (page.next_after.empty()) page.next_after = prefix.text();  // below every key of the prefix
    page.objects.erase(page.objects.begin() + static_cast<std::ptrdiff_t>(kept),
                       page.objects.end());
  }
  std::erase_if(page.objects, [&](const ListedObject& object) {
    return is_hidden(object.key.text()) || strikes(faults_.list_holes);
  });
  return answer(Result<ObjectPage>(std::move(page)));
}

Result<void> FaultyObjectStore::remove(const ObjectKey& key) {
  WEIR_CHECK(arrive());
  return answer(inner_.remove(key));
}

Result<RemovedObjects> FaultyObjectStore::remove_prefix(const ObjectPrefix& prefix,
                                                        std::size_t limit) {
  WEIR_CHECK(arrive());
  return answer(inner_.remove_prefix(prefix, limit));
}

Result<void> FaultyObjectStore::ping() {
  WEIR_CHECK(arrive());
  return answer(inner_.ping());
}

}  // namespace weir::storage
