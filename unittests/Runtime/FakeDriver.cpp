//===- FakeDriver.cpp - a CUDA driver for tests ---------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeDriver.h"

#include "Driver.h"

#include <cstring>
#include <new>

using namespace linattn::runtime;

static FakeState state;
static thread_local std::vector<void *> contexts;
static char primaryContext;

extern "C" FakeState *getFakeState() { return &state; }
extern "C" void resetFakeState() {
  state.~FakeState();
  new (&state) FakeState();
}

/// Records a call; the result is what it shall return.
static int record(const char *name) {
  std::lock_guard<std::mutex> lock(state.mutex);
  if (state.recordLaunches)
    state.calls.push_back(name);
  return state.failing == name ? state.failure : 0;
}

#define RECORD()                                                               \
  if (int failure = record(__func__))                                          \
  return failure

extern "C" {
int cuInit(unsigned) {
  RECORD();
  return 0;
}
int cuGetErrorName(int result, const char **name) {
  *name = result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE";
  return 0;
}
int cuGetErrorString(int result, const char **text) {
  *text = result == 2 ? "out of memory" : "made up by the test";
  return 0;
}
int cuDeviceGetCount(int *count) {
  RECORD();
  *count = state.deviceCount;
  return 0;
}
int cuDeviceGet(int *device, int number) {
  RECORD();
  *device = number;
  return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
  RECORD();
  *value = attribute == cuda::kMultiprocessorCount ? state.smCount
           : attribute == cuda::kCapabilityMajor   ? state.capability / 10
                                                   : state.capability % 10;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int) {
  RECORD();
  ++state.contexts;
  *context = &primaryContext;
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int) {
  RECORD();
  --state.contexts;
  return 0;
}
int cuCtxGetCurrent(void **context) {
  *context = contexts.empty() ? nullptr : contexts.back();
  return 0;
}
int cuCtxPushCurrent_v2(void *context) {
  RECORD();
  contexts.push_back(context);
  return 0;
}
int cuCtxPopCurrent_v2(void **context) {
  *context = contexts.back();
  contexts.pop_back();
  return 0;
}
int cuMemAlloc_v2(uint64_t *address, size_t) {
  RECORD();
  ++state.allocations;
  *address = 0x70000000;
  return 0;
}
int cuMemFree_v2(uint64_t) {
  RECORD();
  --state.allocations;
  return 0;
}
int cuMemcpyHtoD_v2(uint64_t, const void *data, size_t bytes) {
  RECORD();
  auto *begin = static_cast<const char *>(data);
  state.constants.assign(begin, begin + bytes);
  return 0;
}
int cuModuleLoadDataEx(void **module, const void *image, unsigned count,
                       int *options, void **values) {
  RECORD();
  auto *text = static_cast<const char *>(image);
  bool isCubin = memcmp(text, "\177ELF", 4) == 0;
  if (isCubin && state.refuseCubins)
    return cuda::kNoBinary;
  state.images.push_back(isCubin ? "cubin" : text);
  if (strstr(text, "broken")) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == cuda::kErrorLogBuffer)
        strcpy(static_cast<char *>(values[i]), "line 1: broken");
    return 218;
  }
  ++state.modules;
  // The number of the image, from 1 on.
  *module = reinterpret_cast<void *>(state.images.size());
  return 0;
}
int cuModuleUnload(void *) {
  RECORD();
  --state.modules;
  return 0;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  RECORD();
  state.kernelImages[name] =
      state.images.at(reinterpret_cast<size_t>(module) - 1);
  auto found = state.kernels.find(name);
  if (found == state.kernels.end())
    return 500;
  *function = &*found;
  return 0;
}

using Kernel = std::pair<const std::string, std::vector<size_t>>;

int cuFuncSetAttribute(void *function, int attribute, int value) {
  RECORD();
  if (attribute == cuda::kMaxDynamicSharedMemory)
    state.sharedMemory[static_cast<Kernel *>(function)->first] = value;
  return 0;
}
int cuFuncLoad(void *) {
  RECORD();
  return 0;
}
int cuFuncGetParamInfo(void *function, size_t index, size_t *offset,
                       size_t *bytes) {
  auto &sizes = static_cast<Kernel *>(function)->second;
  if (index >= sizes.size())
    return cuda::kInvalidValue;
  *offset = 0;
  *bytes = sizes[index];
  return 0;
}
int cuLaunchKernelEx(const cuda::LaunchConfig *config, void *function,
                     void **parameters, void **) {
  RECORD();
  std::lock_guard<std::mutex> lock(state.mutex);
  ++state.numLaunches;
  if (!state.recordLaunches)
    return 0;
  auto &kernel = *static_cast<Kernel *>(function);
  FakeLaunch launch;
  launch.kernel = kernel.first;
  memcpy(launch.grid, config->grid, sizeof(launch.grid));
  memcpy(launch.block, config->block, sizeof(launch.block));
  launch.sharedMemory = config->sharedMemory;
  launch.stream = config->stream;
  cuCtxGetCurrent(&launch.context);
  for (uint32_t i = 0; i < config->numAttributes; ++i) {
    const cuda::LaunchAttribute &attribute = config->attributes[i];
    if (attribute.id == cuda::kClusterDimension)
      memcpy(launch.cluster, attribute.value.clusterExtents,
             sizeof(launch.cluster));
    if (attribute.id == cuda::kProgrammaticSerialization)
      launch.programmatic = attribute.value.programmaticSerialization;
  }
  for (size_t i = 0; i < kernel.second.size(); ++i) {
    auto *data = static_cast<char *>(parameters[i]);
    launch.parameters.emplace_back(data, data + kernel.second[i]);
  }
  state.launches.push_back(std::move(launch));
  return 0;
}
int cuTensorMapEncodeTiled(void *map, int dataType, uint32_t rank,
                           void *address, const uint64_t *sizes,
                           const uint64_t *byteStrides, const uint32_t *box,
                           const uint32_t *elementStrides, int interleave,
                           int swizzle, int l2Promotion, int fill) {
  RECORD();
  memset(map, 0, sizeof(cuda::TensorMap));
  memcpy(map, &address, sizeof(address));
  if (!state.recordLaunches)
    return 0;
  FakeTensorMap fake;
  fake.dataType = dataType;
  fake.rank = rank;
  fake.address = reinterpret_cast<uintptr_t>(address);
  fake.sizes.assign(sizes, sizes + rank);
  fake.byteStrides.assign(byteStrides, byteStrides + rank - 1);
  fake.box.assign(box, box + rank);
  fake.elementStrides.assign(elementStrides, elementStrides + rank);
  fake.interleave = interleave;
  fake.swizzle = swizzle;
  fake.l2Promotion = l2Promotion;
  fake.fill = fill;
  state.tensorMaps.push_back(std::move(fake));
  return 0;
}
}
