// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

// Clang's thread-safety analysis (-Wthread-safety); nothing under other compilers.
#if defined(__clang__)
#define WEIR_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define WEIR_THREAD_ATTRIBUTE(x)
#endif
#define WEIR_GUARDED_BY(m) WEIR_THREAD_ATTRIBUTE(guarded_by(m))
#define WEIR_REQUIRES(...) WEIR_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define WEIR_REQUIRES_SHARED(...) WEIR_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define WEIR_EXCLUDES(...) WEIR_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace weir::base {

/// std::mutex that the analysis understands. Use with MutexLock.
class WEIR_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() WEIR_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() WEIR_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex for a scope; a condition variable may wait on it.
class WEIR_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) WEIR_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() WEIR_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Condition variable for Mutex; the caller holds the mutex around wait and wait_for.
class CondVar {
 public:
  void wait(Mutex& mutex) WEIR_REQUIRES(mutex) { condition_.wait(mutex); }
  template <class Rep, class Period>
  void wait_for(Mutex& mutex, std::chrono::duration<Rep, Period> span) WEIR_REQUIRES(mutex) {
    condition_.wait_for(mutex, span);
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

/// std::shared_mutex that the analysis understands. Use with ReadLock and WriteLock.
class WEIR_THREAD_ATTRIBUTE(capability("mutex")) SharedMutex {
 public:
  void lock() WEIR_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() WEIR_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  void lock_shared() WEIR_THREAD_ATTRIBUTE(acquire_shared_capability()) { mutex_.lock_shared(); }
  void unlock_shared() WEIR_THREAD_ATTRIBUTE(release_shared_capability()) {
    mutex_.unlock_shared();
  }

 private:
  std::shared_mutex mutex_;
};

class WEIR_THREAD_ATTRIBUTE(scoped_lockable) WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) WEIR_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~WriteLock() WEIR_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class WEIR_THREAD_ATTRIBUTE(scoped_lockable) ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) WEIR_THREAD_ATTRIBUTE(acquire_shared_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReadLock() WEIR_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace weir::base
