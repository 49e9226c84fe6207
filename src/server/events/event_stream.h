// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "server/events/event_channel.h"
#include "server/events/event_log.h"
#include "server/http/http_responder.h"
#include "server/log.h"

namespace weir::server {

/// `GET /v1/events/stream` (DAG manager contract, section 1.3; dispatcher contract, 3.5.2): a
/// role's control events as server-sent events, told by one thread to all readers. It sleeps while
/// nobody reads; with readers it looks when told to, and every kEventLook in case another instance
/// wrote. Nothing waits for a reader.
class EventStream {
 public:
  /// All outlive the stream.
  struct Parts {
    EventLog& events;
    const Clock& clock;
    Log& log;
  };

  explicit EventStream(Parts parts);
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  void start();
  /// Ends the answers of all readers, who come back to another instance. Safe twice.
  void stop();

  /// Answers with the events of `stream`, for as long as they are read; UNAVAILABLE
  /// `too_many_subscribers` above kEventReadersMax.
  void subscribe(EventRequest request, const std::string& stream, Responder responder);
  /// There may be new events. From any thread, never blocks.
  void tell();

  std::size_t readers() const;

 private:
  struct Arrival {
    std::string stream;
    EventRequest request;
    BodyWriter writer;
  };
  /// What wakes the thread; writers that outlive the stream hold on to it.
  struct Signal {
    base::Mutex mutex;
    base::CondVar changed;
    bool told WEIR_GUARDED_BY(mutex) = false;  // look for new events
    bool room WEIR_GUARDED_BY(mutex) = false;  // somebody can be given more, or has gone
    bool stopping WEIR_GUARDED_BY(mutex) = false;
    std::vector<Arrival> arrivals WEIR_GUARDED_BY(mutex);
    std::size_t arriving WEIR_GUARDED_BY(mutex) = 0;  // have a place, and will be arrivals
    std::size_t readers WEIR_GUARDED_BY(mutex) = 0;

    void give_room();
  };
  /// What there is to do.
  struct Work {
    bool stop = false;
    bool look = false;
    std::vector<Arrival> arrivals;
  };

  /// The refusal where there is no place.
  std::optional<Error> take_place();
  void run();
  Work wait();
  void send_away(std::vector<Arrival>& arrivals);
  void admit(Arrival arrival);
  /// One pass over all readers; `look`: for new events first.
  void serve(bool look);
  void count_readers();

  Parts parts_;
  std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  std::thread thread_;

  // The thread's own.
  std::map<std::string, EventChannel> channels_;
  Duration next_look_{};
  Duration next_beat_{};
  bool behind_ = false;  // somebody has not been given all there is
};

}  // namespace weir::server
