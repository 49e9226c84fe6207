// SPDX-License-Identifier: Apache-2.0
#include "bench/diff/floor_server.h"

#include <dagmanager.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <vector>

#include "server/shutdown.h"

namespace weir::bench {
namespace {

namespace wire = qmtl::services::dagmanager;
using Chunks = std::vector<grpc::ByteBuffer>;

constexpr int kWindow = 10;
constexpr int kRequestBytesMax = 16 << 20;

/// The first field of a DiffRequest is its strategy id: a tag byte, a length byte, the text. The
/// slices are as the bytes came off the socket, so the text may lie across several.
std::string strategy_of(const grpc::ByteBuffer& request) {
  std::vector<grpc::Slice> slices;
  if (!request.Dump(&slices).ok()) return {};
  std::string head;
  for (const grpc::Slice& slice : slices) {
    head.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    const std::size_t length = head.size() < 2 ? 0 : static_cast<unsigned char>(head[1]);
    if (head.size() >= 2 + length) {
      return head.substr(2, length);
    }
  }
  return {};
}

/// 4-byte lengths (little-endian) and bytes.
std::string chunks_file(const std::string& folder, const std::string& strategy) {
  return folder + "/" + strategy + ".chunks";
}

Chunks load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  const std::string all = bytes.str();
  Chunks chunks;
  for (std::size_t at = 0; at + 4 <= all.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, all.data() + at, 4);
    const grpc::Slice slice(all.data() + at + 4, length);
    chunks.emplace_back(&slice, 1);
    at += 4 + length;
  }
  return chunks;
}

class FloorStream;

/// Streams by the peer they belong to: one at a time a connection, as the bench's clients do.
class Streams {
 public:
  void put(const std::string& peer, FloorStream* stream);
  void remove(const std::string& peer, FloorStream* stream);
  void acknowledged(const std::string& peer);

 private:
  std::mutex mutex_;
  std::map<std::string, FloorStream*> streams_;
};

class FloorStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  FloorStream(Streams& streams, std::string peer, std::shared_ptr<const Chunks> chunks)
      : streams_(streams), peer_(std::move(peer)), chunks_(std::move(chunks)) {
    streams_.put(peer_, this);
    pump();
  }

  void acknowledged() {
    {
      const std::scoped_lock lock(mutex_);
      --unacknowledged_;
    }
    pump();
  }

 private:
  void OnWriteDone(bool) override {
    {
      const std::scoped_lock lock(mutex_);
      writing_ = false;
    }
    pump();
  }
  void OnDone() override {
    streams_.remove(peer_, this);
    delete this;
  }

  /// The write is started outside the lock: the last one may end this object on another thread
  /// before it has come back.
  void pump() {
    const grpc::ByteBuffer* chunk = nullptr;
    bool last = false;
    {
      const std::scoped_lock lock(mutex_);
      if (writing_ || next_ == chunks_->size() || unacknowledged_ >= kWindow) return;
      writing_ = true;
      ++unacknowledged_;
      chunk = &(*chunks_)[next_++];
      last = next_ == chunks_->size();
    }
    if (last) {
      StartWriteAndFinish(chunk, grpc::WriteOptions(), grpc::Status::OK);
    } else {
      StartWrite(chunk);
    }
  }

  Streams& streams_;
  const std::string peer_;
  const std::shared_ptr<const Chunks> chunks_;
  std::mutex mutex_;
  std::size_t next_ = 0;
  int unacknowledged_ = 0;
  bool writing_ = false;
};

/// Ends a call whose answer the floor was not taught.
class Refusal final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  Refusal() { Finish({grpc::StatusCode::NOT_FOUND, "the floor does not know this strategy"}); }

 private:
  void OnDone() override { delete this; }
};

void Streams::put(const std::string& peer, FloorStream* stream) {
  const std::scoped_lock lock(mutex_);
  streams_[peer] = stream;
}

void Streams::remove(const std::string& peer, FloorStream* stream) {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(peer);
  if (found != streams_.end() && found->second == stream) streams_.erase(found);
}

void Streams::acknowledged(const std::string& peer) {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(peer);
  if (found != streams_.end()) found->second->acknowledged();
}

class FloorService final
    : public wire::DiffService::WithRawCallbackMethod_Diff<
          wire::DiffService::WithCallbackMethod_AckChunk<wire::DiffService::Service>> {
 public:
  explicit FloorService(std::string folder) : folder_(std::move(folder)) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Diff(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request) override {
    auto answer = chunks(strategy_of(*request));
    if (answer->empty()) return new Refusal;
    return new FloorStream(streams_, context->peer(), std::move(answer));
  }

  grpc::ServerUnaryReactor* AckChunk(grpc::CallbackServerContext* context,
                                     const wire::ChunkAck* request,
                                     wire::ChunkAck* response) override {
    streams_.acknowledged(context->peer());
    *response = *request;
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  std::shared_ptr<const Chunks> chunks(const std::string& strategy) {
    const std::scoped_lock lock(mutex_);
    std::shared_ptr<const Chunks>& known = known_[strategy];
    if (!known) known = std::make_shared<const Chunks>(load(chunks_file(folder_, strategy)));
    return known;
  }

  const std::string folder_;
  Streams streams_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Chunks>> known_;
};

}  // namespace

void keep_chunks(const std::string& folder, const std::string& strategy,
                 const std::vector<std::string>& chunks) {
  std::ofstream file(chunks_file(folder, strategy), std::ios::binary);
  for (const std::string& chunk : chunks) {
    const auto length = static_cast<std::uint32_t>(chunk.size());
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file.write(chunk.data(), static_cast<std::streamsize>(chunk.size()));
  }
}

int run_floor_server(int port, const std::string& chunks_folder) {
  server::block_shutdown_signals();
  auto signals = server::ShutdownSignals::create();
  if (!signals.ok()) return 1;
  FloorService service(chunks_folder);
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                           &bound);
  builder.SetMaxReceiveMessageSize(kRequestBytesMax);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (!server || bound == 0) return 1;
  (*signals)->wait();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}

}  // namespace weir::bench
