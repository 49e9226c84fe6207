// SPDX-License-Identifier: Apache-2.0
#include "storage/staging_waste.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "storage/limits.h"
#include "storage/staging.h"

namespace weir::storage {

void AttemptScan::settle(std::vector<AttemptFiles>& found) {
  if (current_ && current_->newest < before_) found.push_back(*std::move(current_));
  current_.reset();
}

Result<std::vector<AttemptFiles>> AttemptScan::next() {
  std::vector<AttemptFiles> found;
  for (int lists = 0; lists < kWasteListsMax && !done_ && found.size() < kObjectPageMax; ++lists) {
    auto page = store_.list(under_, {.after = after_, .limit = kObjectPageMax});
    if (!page.ok()) {
      if (found.empty()) return std::move(page).error();
      return found;  // the next call meets the fault again, and loses nothing
    }
    for (const ListedObject& object : page->objects) {
      const auto attempt = attempt_of(object.key);
      if (current_ && (!attempt || *attempt != current_->prefix)) settle(found);
      if (!attempt) continue;
      if (!current_) current_ = AttemptFiles{.prefix = *attempt, .newest = object.modified};
      ++current_->objects;
      current_->bytes += object.size;
      current_->newest = std::max(current_->newest, object.modified);
    }
    after_ = page->next_after;
    if (after_.empty()) {
      settle(found);
      done_ = true;
    }
  }
  return found;
}

Result<std::vector<AttemptFiles>> removable(ObjectStore& store, CommitLedger& ledger,
                                            std::span<const AttemptFiles> attempts) {
  std::vector<std::string> prefixes;
  prefixes.reserve(attempts.size());
  for (const AttemptFiles& attempt : attempts) {
    prefixes.push_back(store.root().uri_of(attempt.prefix));
  }
  WEIR_TRY(const auto named, ledger.names_any(prefixes));
  WEIR_ASSERT(named.size() == attempts.size());
  std::vector<AttemptFiles> free;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    if (!named[i]) free.push_back(attempts[i]);
  }
  return free;
}

Result<RemovedObjects> remove_attempt(ObjectStore& store, const ObjectPrefix& attempt,
                                      std::size_t limit) {
  WEIR_TRY(const auto page, store.list(attempt, {.after = {}, .limit = limit}));
  std::set<std::string_view> partitions;
  for (const ListedObject& object : page.objects) {
    const std::string_view below = object.key.view().substr(attempt.view().size());
    if (below.contains('/')) partitions.insert(below.substr(0, below.find('/')));
  }
  for (const std::string_view partition : partitions) {
    WEIR_TRY(const auto below, attempt.below(partition));
    WEIR_TRY(const auto marker, below.key(kSuccessName));
    WEIR_CHECK(store.remove(marker));
  }
  return store.remove_prefix(attempt, limit);
}

Result<std::size_t> remove_waste(ObjectStore& store, CommitLedger& ledger, Instant before,
                                 const std::function<bool()>& go_on) {
  std::size_t removed = 0;
  for (const std::string_view under : {"datasets/", "scratch/"}) {
    WEIR_TRY(ObjectPrefix prefix, ObjectPrefix::parse(under));
    AttemptScan scan(store, std::move(prefix), before);
    while (!scan.done() && go_on()) {
      WEIR_TRY(const auto found, scan.next());
      WEIR_TRY(const auto waste, removable(store, ledger, found));
      for (const AttemptFiles& attempt : waste) {
        for (bool done = false; !done && go_on();) {
          WEIR_TRY(const RemovedObjects step,
                   remove_attempt(store, attempt.prefix, kObjectPageMax));
          removed += step.removed;
          done = step.done;
        }
      }
    }
  }
  return removed;
}

}  // namespace weir::storage
