// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/mistaken_log.h"

#include <string>
#include <utility>

namespace weir::sim {
namespace {

class MistakenLog final : public server::EventLog {
 public:
  MistakenLog(const dagmanager::MemoryGraphStore& store, LifeMistake mistake,
              base::SeededRandom& random)
      : inner_(store, "queue"), mistake_(mistake), random_(random) {}

  Result<server::EventPage> read(const std::string& stream, std::int64_t after,
                                 std::size_t limit) override {
    WEIR_TRY(server::EventPage page, inner_.read(stream, after, limit));
    if (mistake_ == LifeMistake::TellsAnotherId) {
      for (server::StreamEvent& event : page.events) give_id(event.envelope);
    }
    if (mistake_ == LifeMistake::TellsInDisorder && page.events.size() > 1) {
      std::swap(page.events[0].envelope, page.events[1].envelope);
      std::swap(page.events[0].type, page.events[1].type);
    }
    return page;
  }

 private:
  void give_id(std::string& envelope) {
    const std::string name = R"("id":")";
    const std::size_t at = envelope.find(name);
    const std::string id = base::uuid_v4(random_);
    if (at != std::string::npos) envelope.replace(at + name.size(), id.size(), id);
  }

  dagmanager::MemoryEventLog inner_;
  LifeMistake mistake_;
  base::SeededRandom& random_;
};

}  // namespace

std::unique_ptr<server::EventLog> make_log(const dagmanager::MemoryGraphStore& store,
                                           LifeMistake mistake, base::SeededRandom& random) {
  return std::make_unique<MistakenLog>(store, mistake, random);
}

}  // namespace weir::sim
