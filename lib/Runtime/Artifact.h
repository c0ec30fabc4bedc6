//===- Artifact.h - loaded artifacts ----------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_ARTIFACT_H
#define LINATTN_RUNTIME_ARTIFACT_H

#include "Driver.h"
#include "Manifest.h"

#include <atomic>
#include <memory>
#include <mutex>

namespace linattn {
namespace runtime {

/// Devices have numbers below this one.
constexpr int32_t kMaxDevices = 64;

/// The code of an artifact on one GPU.
struct DeviceCode {
  ~DeviceCode();

  const cuda::Driver *driver = nullptr;
  int32_t number = -1;
  cuda::Device device = 0;
  cuda::Context context = nullptr;
  int smCount = 0, capability = 0;
  cuda::Address constants = 0;
  int64_t constantsBytes = 0;
  struct LoadedTarget {
    std::vector<cuda::Module> modules; // As the blobs of the image.
    std::vector<cuda::KernelHandle> kernels;
  };
  std::vector<LoadedTarget> targets; // As in the manifest.
  std::vector<int64_t> plans;        // Per function; -1: none.
};

/// The host code of an artifact.
struct HostCode {
  ~HostCode();

  void *library = nullptr;
  int file = -1;
  struct LoadedFunction {
    linattn_function run = nullptr;
    linattn_query query = nullptr;
  };
  std::vector<LoadedFunction> functions; // Null where there is no host code.
};

/// Memory aligned for blobs.
struct FreeDeleter {
  void operator()(void *memory) const { free(memory); }
};
using AlignedBytes = std::unique_ptr<char, FreeDeleter>;

/// `size` bytes aligned to 64; null if there is not as much memory.
AlignedBytes allocateAligned(size_t size);

/// Makes `device` the current context while it lives.
class ContextScope {
public:
  ContextScope(const cuda::Driver &driver, cuda::Context context);
  ~ContextScope();
  cuda::Result getResult() const { return result; }

private:
  const cuda::Driver &driver;
  cuda::Result result = cuda::kSuccess;
  bool pushed = false;
};

/// Loads the code for a GPU. Null, with an error, if that fails.
std::unique_ptr<DeviceCode> loadDeviceCode(const linattn_artifact &artifact,
                                           int32_t device, Diagnostic &diag);

/// Loads the host code. Null, with an error, if that fails.
std::unique_ptr<HostCode> loadHostCode(const linattn_artifact &artifact,
                                       Diagnostic &diag);

/// Checks that `size` bytes are a 64-bit ELF file that names no bytes behind
/// its end, for `machine`.
bool checkElf(const char *data, int64_t size, int machine, const char *what,
              Diagnostic &diag);

} // namespace runtime
} // namespace linattn

/// One function, with the artifact it belongs to.
struct linattn_entry {
  const linattn_artifact *artifact;
  int64_t index;

  const linattn::runtime::Function &getFunction() const;
};

struct linattn_artifact {
  ~linattn_artifact();

  /// The whole file, and its parts.
  linattn::runtime::AlignedBytes file;
  int64_t size = 0;
  const char *blobs = nullptr;
  std::string manifestText;
  linattn::runtime::Manifest manifest;
  std::vector<linattn_entry> entries;

  /// Code is added under the lock and read without it.
  std::mutex mutex;
  std::atomic<linattn::runtime::DeviceCode *>
      devices[linattn::runtime::kMaxDevices] = {};
  std::atomic<linattn::runtime::HostCode *> host{nullptr};

  const char *getBlob(int64_t index) const {
    return blobs + manifest.blobs[index].offset;
  }
};

inline const linattn::runtime::Function &linattn_entry::getFunction() const {
  return artifact->manifest.functions[index];
}

#endif // LINATTN_RUNTIME_ARTIFACT_H
