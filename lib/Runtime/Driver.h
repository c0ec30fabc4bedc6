//===- Driver.h - the CUDA driver, opened at run time -----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declarations of the parts of the CUDA driver's binary interface that the
// runtime uses. They are fixed by the driver's compatibility rules.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_DRIVER_H
#define LINATTN_RUNTIME_DRIVER_H

#include "Support.h"

namespace linattn {
namespace runtime {
namespace cuda {

using Result = int;
using Device = int;
using Address = uint64_t;
using Context = struct ContextObject *;
using Module = struct ModuleObject *;
using KernelHandle = struct FunctionObject *;
using Stream = struct StreamObject *;

constexpr Result kSuccess = 0;
constexpr Result kInvalidValue = 1;
constexpr Result kNoBinary = 209;

enum DeviceAttribute {
  kMultiprocessorCount = 16,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76
};
enum FunctionAttribute {
  kMaxDynamicSharedMemory = 8,
  kNonPortableClusterSizeAllowed = 14
};
enum JitOption { kErrorLogBuffer = 5, kErrorLogSize = 6 };

struct alignas(64) TensorMap {
  uint64_t opaque[16];
};

struct LaunchAttribute {
  int32_t id;
  int32_t padding;
  union {
    char opaque[64];
    uint32_t clusterExtents[3];
    int32_t programmaticSerialization;
  } value;
};
constexpr int32_t kClusterDimension = 4;
constexpr int32_t kProgrammaticSerialization = 6;

struct LaunchConfig {
  uint32_t grid[3], block[3];
  uint32_t sharedMemory;
  Stream stream;
  LaunchAttribute *attributes;
  uint32_t numAttributes;
};

static_assert(sizeof(TensorMap) == 128 && sizeof(LaunchAttribute) == 72 &&
                  sizeof(LaunchConfig) == 56,
              "the sizes that the driver expects");

/// The entry points. Those at the end are null in drivers that lack them.
struct Driver {
  Result (*init)(unsigned);
  Result (*getErrorName)(Result, const char **);
  Result (*getErrorString)(Result, const char **);
  Result (*deviceGetCount)(int *);
  Result (*deviceGet)(Device *, int);
  Result (*deviceGetAttribute)(int *, int, Device);
  Result (*primaryContextRetain)(Context *, Device);
  Result (*primaryContextRelease)(Device);
  Result (*contextGetCurrent)(Context *);
  Result (*contextPush)(Context);
  Result (*contextPop)(Context *);
  Result (*memoryAllocate)(Address *, size_t);
  Result (*memoryFree)(Address);
  Result (*copyToDevice)(Address, const void *, size_t);
  Result (*moduleLoad)(Module *, const void *, unsigned, int *, void **);
  Result (*moduleUnload)(Module);
  Result (*moduleGetFunction)(KernelHandle *, Module, const char *);
  Result (*functionSetAttribute)(KernelHandle, int, int);
  Result (*launch)(const LaunchConfig *, KernelHandle, void **, void **);
  Result (*encodeTiled)(TensorMap *, int dataType, uint32_t rank, void *address,
                        const uint64_t *sizes, const uint64_t *byteStrides,
                        const uint32_t *box, const uint32_t *elementStrides,
                        int interleave, int swizzle, int l2Promotion, int fill);
  Result (*functionLoad)(KernelHandle);
  Result (*functionGetParameter)(KernelHandle, size_t, size_t *offset,
                                 size_t *size);

  /// Reports that `what` failed with `result`. Returns false.
  bool fail(Diagnostic &diag, Result result, const char *what) const;
};

/// The driver, opened and initialised on the first call. Null, with an error,
/// if there is none. The environment variable LINATTN_LIBCUDA names another
/// library than libcuda.so.1; it exists for tests.
const Driver *getDriver(Diagnostic &diag);

} // namespace cuda
} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_DRIVER_H
