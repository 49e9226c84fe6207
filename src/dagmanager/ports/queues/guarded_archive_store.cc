// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/guarded_archive_store.h"

#include <utility>

namespace weir::dagmanager {
namespace {

/// Whether an outcome says that the archive is there, if only to refuse.
template <class Outcome>
bool archive_answers(const Outcome& outcome) {
  if (outcome.ok()) return true;
  const Code code = outcome.error().code();
  return code != Code::Unavailable && code != Code::DeadlineExceeded;
}

/// An object is one call: it succeeded once it is whole, so that an archive which takes beginnings
/// and no ends is found out.
class GuardedWriter final : public ArchiveWriter {
 public:
  GuardedWriter(std::unique_ptr<ArchiveWriter> inner, server::Breaker& breaker)
      : inner_(std::move(inner)), breaker_(breaker) {}

  Result<void> append(std::string_view bytes) override {
    auto outcome = inner_->append(bytes);
    if (!archive_answers(outcome)) breaker_.failed();
    return outcome;
  }
  Result<void> finish() override {
    auto outcome = inner_->finish();
    breaker_.saw(archive_answers(outcome));
    return outcome;
  }

 private:
  std::unique_ptr<ArchiveWriter> inner_;
  server::Breaker& breaker_;
};

}  // namespace

Result<void> GuardedArchiveStore::admits() const {
  const auto admitted = breaker_.admit();
  if (admitted.ok()) return {};
  return base::unavailable("archive_unavailable", "breaker_open: " + admitted.error().message());
}

Result<std::unique_ptr<ArchiveWriter>> GuardedArchiveStore::begin(const std::string& name) {
  WEIR_CHECK(admits());
  auto writer = inner_->begin(name);
  if (!archive_answers(writer)) breaker_.failed();
  if (!writer.ok()) return writer;
  return std::unique_ptr<ArchiveWriter>(
      std::make_unique<GuardedWriter>(*std::move(writer), breaker_));
}

/// A failure of `take` is the caller's own, and says nothing of the archive.
Result<void> GuardedArchiveStore::read(const std::string& name,
                                       const std::function<Result<void>(std::string_view)>& take) {
  WEIR_CHECK(admits());
  bool taken = true;
  auto outcome = inner_->read(name, [&](std::string_view piece) {
    auto done = take(piece);
    taken = done.ok();
    return done;
  });
  breaker_.saw(!taken || archive_answers(outcome));
  return outcome;
}

Result<void> GuardedArchiveStore::ping() {
  auto outcome = inner_->ping();
  breaker_.saw(archive_answers(outcome));
  return outcome;
}

}  // namespace weir::dagmanager
