//===- CudaDevice.h - memory of a GPU ---------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_CUDADEVICE_H
#define LINATTN_DRIVER_CUDADEVICE_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace mlir {
namespace linattn {

/// A GPU, through NVIDIA's driver, which is opened when one is asked for.
class CudaDevice {
public:
  /// Opens the device with this number, in its primary context, which is the
  /// one that the runtime launches in. Fails without a driver or a device.
  static llvm::Expected<std::unique_ptr<CudaDevice>> open(int number);
  ~CudaDevice();

  int getNumber() const { return number; }
  /// 90 for compute capability 9.0.
  int getCapability() const { return capability; }

  /// Memory that is freed with the device.
  llvm::Expected<void *> allocate(int64_t bytes);
  llvm::Error copyTo(void *device, const void *host, int64_t bytes);
  llvm::Error copyFrom(void *host, const void *device, int64_t bytes);
  /// Waits for all work.
  llvm::Error synchronize();

private:
  explicit CudaDevice(int number) : number(number) {}
  template <typename... Args>
  llvm::Error call(const char *name, Args... args);

  llvm::sys::DynamicLibrary library;
  int number, handle = 0, capability = 0;
  bool hasContext = false;
  SmallVector<uint64_t> allocations;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_CUDADEVICE_H
