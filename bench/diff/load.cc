// SPDX-License-Identifier: Apache-2.0
#include "bench/diff/load.h"

#include <dagmanager.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

namespace weir::bench {
namespace {

namespace wire = qmtl::services::dagmanager;
using Clock = std::chrono::steady_clock;

constexpr auto kConnectTimeout = std::chrono::seconds(10);
constexpr auto kCallTimeout = std::chrono::seconds(30);

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// Collects what many threads measure.
class Collector {
 public:
  void add(double milliseconds, const std::string& fault) {
    const std::scoped_lock lock(mutex_);
    result_.milliseconds.push_back(milliseconds);
    if (fault.empty()) return;
    ++result_.faults;
    if (result_.first_fault.empty()) result_.first_fault = fault;
  }
  LoadResult take(double seconds) {
    result_.seconds = seconds;
    return std::move(result_);
  }

 private:
  std::mutex mutex_;
  LoadResult result_;
};

/// Runs `body(client)` on `clients` threads, each with a warm connection, and times it from the
/// moment all are ready.
template <class Body>
LoadResult run_clients(const std::string& address, std::size_t clients, Body body) {
  Collector collector;
  std::vector<Client> connections;
  for (std::size_t i = 0; i < clients; ++i) connections.emplace_back(address);
  std::vector<std::jthread> threads;
  const Clock::time_point start = Clock::now();
  for (Client& client : connections) {
    threads.emplace_back([&, start] { body(client, collector, start); });
  }
  threads.clear();
  return collector.take(ms_between(start, Clock::now()) / 1000);
}

}  // namespace

/// One connection and the queue of its events.
struct Client::State {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<wire::DiffService::Stub> stub;
  grpc::CompletionQueue events;

  ~State() {
    events.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (events.Next(&tag, &ok)) {
    }
  }

  /// True if the operation that was started last succeeded. There is one at a time, and the call's
  /// own deadline bounds it.
  bool wait() {
    void* tag = nullptr;
    bool ok = false;
    events.Next(&tag, &ok);
    return ok;
  }

  grpc::Status acknowledge(const std::string& sentinel, std::uint32_t chunk);
};

grpc::Status Client::State::acknowledge(const std::string& sentinel, std::uint32_t chunk) {
  wire::ChunkAck ack;
  wire::ChunkAck echoed;
  ack.set_sentinel_id(sentinel);
  ack.set_chunk_id(chunk);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  grpc::Status status;
  const auto call = stub->AsyncAckChunk(&context, ack, &events);
  call->Finish(&echoed, &status, nullptr);
  wait();
  return status;
}

Client::Client(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  arguments.SetMaxSendMessageSize(-1);
  state_ = std::make_unique<State>();
  state_->address = address;
  state_->channel =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  state_->channel->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout);
  state_->stub = wire::DiffService::NewStub(state_->channel);
}

Client::~Client() = default;
Client::Client(Client&& other) noexcept = default;

DiffReply Client::diff(const std::string& request, const std::string& sentinel, bool keep_chunks) {
  State& state = *state_;
  DiffReply reply;
  wire::DiffRequest message;
  message.ParseFromString(request);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  const auto reader = state.stub->AsyncDiff(&context, message, &state.events, nullptr);
  bool more = state.wait();
  wire::DiffChunk chunk;
  while (more) {
    reader->Read(&chunk, nullptr);
    more = state.wait();
    if (!more) break;
    reply.entries += static_cast<std::size_t>(chunk.queue_map().size());
    if (keep_chunks) reply.chunks.push_back(chunk.SerializeAsString());
    state.acknowledge(sentinel, chunk.chunk_index());
  }
  grpc::Status status;
  reader->Finish(&status, nullptr);
  state.wait();
  if (!status.ok()) reply.fault = state.address + ": " + status.error_message();
  return reply;
}

std::string make_request(const std::string& strategy, const std::string& document,
                         const std::string& world) {
  wire::DiffRequest request;
  request.set_strategy_id(strategy);
  request.set_dag_json(document);
  request.set_world_id(world);
  request.set_execution_domain("live");
  return request.SerializeAsString();
}

double LoadResult::percentile(double share) const {
  if (milliseconds.empty()) return 0;
  std::vector<double> sorted = milliseconds;
  std::ranges::sort(sorted);
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[rank];
}

LoadResult open_loop(const std::string& address, const std::string& sentinel, RequestAt requests,
                     double per_second, std::size_t calls, std::size_t clients) {
  std::atomic<std::size_t> next = 0;
  return run_clients(
      address, clients, [&](Client& client, Collector& out, Clock::time_point start) {
        for (std::size_t call = next++; call < calls; call = next++) {
          const auto due =
              start + std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(static_cast<double>(call) / per_second));
          std::this_thread::sleep_until(due);
          const DiffReply reply = client.diff(requests(call), sentinel);
          out.add(ms_between(due, Clock::now()), reply.fault);
        }
      });
}

LoadResult closed_loop(const std::string& address, const std::string& sentinel, RequestAt requests,
                       std::size_t calls, std::size_t clients) {
  std::atomic<std::size_t> next = 0;
  return run_clients(address, clients, [&](Client& client, Collector& out, Clock::time_point) {
    for (std::size_t call = next++; call < calls; call = next++) {
      const Clock::time_point begun = Clock::now();
      const DiffReply reply = client.diff(requests(call), sentinel);
      out.add(ms_between(begun, Clock::now()), reply.fault);
    }
  });
}

}  // namespace weir::bench
