//===- Launch.cpp - evaluating launch plans -------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace linattn::runtime;

bool LaunchPlan::fail(const char *format, ...) {
  char text[320];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  return call.diag.fail(LINATTN_BAD_LAUNCH, "%s: kernel %s: %s",
                        function.name.c_str(),
                        kernel ? kernel->name.c_str() : "?", text);
}

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

bool LaunchPlan::select(int64_t &workspaceSize) {
  call.setFact(kSmCount, code.smCount);
  call.setFact(kComputeCapability, code.capability);
  if (!call.define(plan.definitions))
    return false;
  for (const Variant &candidate : plan.variants) {
    int64_t holds = 1;
    if (candidate.when >= 0 &&
        !call.evaluate(candidate.when, holds, "condition of variant '%s'",
                       candidate.name.c_str()))
      return false;
    if (!holds)
      continue;
    variant = &candidate;
    workspaceSize = 0;
    if (variant->workspace >= 0 &&
        !call.evaluate(variant->workspace, workspaceSize,
                       "workspace of variant '%s'", variant->name.c_str()))
      return false;
    workspaceBytes = workspaceSize;
    return workspaceSize >= 0 ||
           call.diag.fail(LINATTN_BAD_EXPRESSION,
                          "%s: workspace of variant '%s': the size is %lld",
                          function.name.c_str(), variant->name.c_str(),
                          static_cast<long long>(workspaceSize));
  }
  return call.diag.fail(LINATTN_NO_VARIANT,
                        "%s: none of the %zu variants admits these sizes and "
                        "strides",
                        function.name.c_str(), plan.variants.size());
}

bool LaunchPlan::checkWorkspace(void *workspace, int64_t size) {
  if (!workspaceBytes)
    return true;
  if (size < workspaceBytes)
    return call.diag.fail(LINATTN_BAD_WORKSPACE,
                          "%s: expected a workspace of at least %lld bytes, "
                          "but got %lld",
                          function.name.c_str(),
                          static_cast<long long>(workspaceBytes),
                          static_cast<long long>(size));
  workspaceAddress = reinterpret_cast<uintptr_t>(workspace);
  if (!workspace || workspaceAddress % LINATTN_WORKSPACE_ALIGNMENT)
    return call.diag.fail(LINATTN_BAD_WORKSPACE,
                          "%s: expected a workspace aligned to %d bytes, but "
                          "got the address %p",
                          function.name.c_str(), LINATTN_WORKSPACE_ALIGNMENT,
                          workspace);
  return true;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

bool LaunchPlan::computeAddress(const Address &address, uint64_t &result) {
  int64_t offset = 0;
  if (address.offset >= 0 &&
      !call.evaluate(address.offset, offset, "kernel %s: offset of an address",
                     kernel->name.c_str()))
    return false;
  if (address.kind == BaseKind::Tensor) {
    result = reinterpret_cast<uintptr_t>(call.tensors[address.tensor].data) +
             static_cast<uint64_t>(offset);
    return true;
  }
  bool isConstants = address.kind == BaseKind::Constants;
  int64_t bytes = isConstants ? code.constantsBytes : workspaceBytes;
  if (offset < 0 || offset > bytes)
    return fail("expected an offset of 0 to %lld in the %s, but got %lld",
                static_cast<long long>(bytes),
                isConstants ? "constants" : "workspace",
                static_cast<long long>(offset));
  result = (isConstants ? code.constants : workspaceAddress) + offset;
  return true;
}

/// CUtensorMapDataType.
static int getTensorMapType(int32_t dtype) {
  switch (dtype) {
  case LINATTN_F16:
    return 6;
  case LINATTN_F32:
    return 7;
  case LINATTN_F64:
    return 8;
  case LINATTN_BF16:
    return 9;
  case LINATTN_I8:
    return 0; // The copy does not look at signs.
  case LINATTN_I16:
    return 1;
  case LINATTN_I32:
    return 3;
  default:
    return 5;
  }
}

/// CUtensorMapSwizzle and CUtensorMapL2promotion count up with the bytes.
static int getPowerIndex(int bytes, int first) {
  int index = 0;
  for (; bytes >= first; bytes /= 2)
    ++index;
  return index;
}

namespace {
/// All that a tensor map is made from.
struct TensorMapKey {
  uint64_t address, sizes[kMaxTensorMapRank], byteStrides[kMaxTensorMapRank];
  uint32_t box[kMaxTensorMapRank], elementStrides[kMaxTensorMapRank];
  int32_t type, rank, swizzle, l2Promotion, fillNaN;
};

/// A few tensor maps that a thread has made: most calls repeat one before, and
/// the driver takes longer to make a map than all else here.
struct TensorMapCache {
  static constexpr size_t kSize = 32;
  struct Entry {
    bool isValid;
    TensorMapKey key;
    cuda::TensorMap map;
  } entries[kSize];

  Entry &find(const TensorMapKey &key) {
    uint64_t hash = (key.address >> 8) * 0x9E3779B97F4A7C15u + key.box[0];
    return entries[(hash >> 32) % kSize];
  }
};
} // namespace

static thread_local TensorMapCache tensorMapCache;

/// What the tensor maps of tensors without elements point to.
static constexpr uint64_t kEmptyTensorAddress = 16;

bool LaunchPlan::encodeTensorMap(const TensorMap &map, char *slot) {
  uint64_t address;
  if (!computeAddress(map.address, address))
    return false;
  const char *name = map.address.kind == BaseKind::Tensor
                         ? function.tensors[map.address.tensor].name.c_str()
                     : map.address.kind == BaseKind::Workspace ? "(workspace)"
                                                               : "(constants)";
  // Zeros where there is nothing, as keys are compared by their bytes.
  TensorMapKey key;
  memset(&key, 0, sizeof(key));
  uint64_t *sizes = key.sizes, *byteStrides = key.byteStrides;
  int64_t elementBytes = getDtypeBytes(map.dtype);
  bool isEmpty = false;
  for (int dim = 0; dim < map.rank; ++dim) {
    int64_t size;
    if (!call.evaluate(map.sizes[dim], size, "tensor map of %s: size %d", name,
                       dim))
      return false;
    if (size < 0 || size > int64_t(1) << 32)
      return fail("tensor map of %s: expected a size of at most 2^32 in "
                  "dimension %d from the inside, but got %lld",
                  name, dim, static_cast<long long>(size));
    isEmpty |= size == 0;
    sizes[dim] = size;
  }
  // The driver makes no maps of nothing. The kernel knows the sizes, and does
  // not copy a tile from here: it would fault.
  if (isEmpty) {
    address = kEmptyTensorAddress;
    std::fill_n(sizes, map.rank, 1);
  }
  if (!address || address % 16)
    return fail("tensor map of %s: expected an address aligned to 16 bytes, "
                "but got 0x%llx",
                name, static_cast<unsigned long long>(address));
  for (int dim = 1; dim < map.rank; ++dim) {
    int64_t stride;
    if (!call.evaluate(map.strides[dim], stride, "tensor map of %s: stride %d",
                       name, dim))
      return false;
    if (isEmpty)
      stride = 16 / elementBytes;
    // The driver takes at most 2^40 - 1 bytes.
    if (stride < 0 || stride >= (int64_t(1) << 40) / elementBytes ||
        stride * elementBytes % 16)
      return fail("tensor map of %s: expected a stride that is a multiple of "
                  "16 bytes and below 2^40 bytes in dimension %d from the "
                  "inside, but got %lld elements of %lld bytes",
                  name, dim, static_cast<long long>(stride),
                  static_cast<long long>(elementBytes));
    byteStrides[dim - 1] = stride * elementBytes;
  }
  key.address = address;
  key.type = getTensorMapType(map.dtype);
  key.rank = map.rank;
  std::copy_n(map.box, map.rank, key.box);
  std::copy_n(map.elementStrides, map.rank, key.elementStrides);
  key.swizzle = getPowerIndex(map.swizzle, 32);
  key.l2Promotion = getPowerIndex(map.l2Promotion, 64);
  key.fillNaN = map.fillNaN;
  TensorMapCache::Entry &entry = tensorMapCache.find(key);
  if (!entry.isValid || memcmp(&entry.key, &key, sizeof(key)) != 0) {
    entry.isValid = false;
    cuda::Result result = code.driver->encodeTiled(
        &entry.map, key.type, map.rank, reinterpret_cast<void *>(address),
        sizes, byteStrides, map.box, map.elementStrides, /*interleave=*/0,
        key.swizzle, key.l2Promotion, key.fillNaN);
    if (result != cuda::kSuccess) {
      char what[256];
      snprintf(what, sizeof(what), "%.80s: kernel %.80s: tensor map of %.60s",
               function.name.c_str(), kernel->name.c_str(), name);
      return code.driver->fail(call.diag, result, what);
    }
    entry.key = key;
    entry.isValid = true;
  }
  memcpy(slot, &entry.map, sizeof(entry.map));
  return true;
}

bool LaunchPlan::computeParameter(const Parameter &parameter, char *slot) {
  switch (parameter.kind) {
  case ParameterKind::Address: {
    uint64_t address;
    if (!computeAddress(parameter.address, address))
      return false;
    memcpy(slot, &address, sizeof(address));
    return true;
  }
  case ParameterKind::TensorMap:
    return encodeTensorMap(function.tensorMaps[parameter.tensorMap], slot);
  case ParameterKind::Integer: {
    int64_t value;
    if (!call.evaluate(parameter.value, value,
                       "kernel %s: an integer parameter", kernel->name.c_str()))
      return false;
    if (value < parameter.minimum || value > parameter.maximum)
      return fail("expected a parameter from %lld to %lld, but got %lld",
                  static_cast<long long>(parameter.minimum),
                  static_cast<long long>(parameter.maximum),
                  static_cast<long long>(value));
    memcpy(slot, &value, parameter.bytes);
    return true;
  }
  case ParameterKind::Bits:
    memcpy(slot, &parameter.bits, parameter.bytes);
    return true;
  case ParameterKind::Value:
    memcpy(slot, call.tensors[parameter.tensor].data, parameter.bytes);
    return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

bool LaunchPlan::computeExtents(const Launch &launch, Computed &computed,
                                bool &isEmpty) {
  static constexpr int64_t kMaxGrid[3] = {INT32_MAX, 65535, 65535};
  static constexpr int64_t kMaxBlock[3] = {1024, 1024, 64};
  isEmpty = false;
  int64_t threads = 1;
  for (int i = 0; i < 3; ++i) {
    int64_t grid, block;
    if (!call.evaluate(launch.grid[i], grid, "kernel %s: grid %c",
                       kernel->name.c_str(), 'x' + i) ||
        !call.evaluate(launch.block[i], block, "kernel %s: block %c",
                       kernel->name.c_str(), 'x' + i))
      return false;
    if (grid < 0 || grid > kMaxGrid[i])
      return fail("expected a grid of 0 to %lld in %c, but got %lld",
                  static_cast<long long>(kMaxGrid[i]), 'x' + i,
                  static_cast<long long>(grid));
    if (block < 1 || block > kMaxBlock[i])
      return fail("expected a block of 1 to %lld in %c, but got %lld",
                  static_cast<long long>(kMaxBlock[i]), 'x' + i,
                  static_cast<long long>(block));
    isEmpty |= grid == 0;
    threads *= block;
    computed.config.grid[i] = static_cast<uint32_t>(grid);
    computed.config.block[i] = static_cast<uint32_t>(block);
  }
  if (threads > 1024)
    return fail("expected a block of at most 1024 threads, but got %lld",
                static_cast<long long>(threads));
  int64_t shared = 0;
  if (launch.sharedMemory >= 0 &&
      !call.evaluate(launch.sharedMemory, shared, "kernel %s: shared memory",
                     kernel->name.c_str()))
    return false;
  if (shared < 0 || shared > kernel->maxSharedMemory)
    return fail("expected 0 to %lld bytes of shared memory, but got %lld",
                static_cast<long long>(kernel->maxSharedMemory),
                static_cast<long long>(shared));
  computed.config.sharedMemory = static_cast<uint32_t>(shared);
  return true;
}

bool LaunchPlan::computeCluster(const Launch &launch, Computed &computed) {
  if (launch.cluster[0] < 0)
    return true;
  cuda::LaunchAttribute &attribute =
      computed.attributes[computed.config.numAttributes++];
  attribute = {};
  attribute.id = cuda::kClusterDimension;
  int64_t blocks = 1;
  for (int i = 0; i < 3; ++i) {
    int64_t extent;
    if (!call.evaluate(launch.cluster[i], extent, "kernel %s: cluster %c",
                       kernel->name.c_str(), 'x' + i))
      return false;
    if (extent < 1 || extent > 16 || computed.config.grid[i] % extent)
      return fail("expected a cluster of 1 to 16 that divides the grid %u in "
                  "%c, but got %lld",
                  computed.config.grid[i], 'x' + i,
                  static_cast<long long>(extent));
    blocks *= extent;
    attribute.value.clusterExtents[i] = static_cast<uint32_t>(extent);
  }
  int64_t limit = kernel->nonPortableCluster ? 16 : 8;
  return blocks <= limit ||
         fail("expected a cluster of at most %lld blocks, "
              "but got %lld",
              static_cast<long long>(limit), static_cast<long long>(blocks));
}

bool LaunchPlan::computeLaunch(const Launch &launch) {
  kernel = &kernels[launch.kernel];
  int64_t holds = 1;
  if (launch.when >= 0 &&
      !call.evaluate(launch.when, holds, "kernel %s: condition",
                     kernel->name.c_str()))
    return false;
  if (!holds)
    return true;
  Computed &computed = launches[numLaunches];
  computed.config.numAttributes = 0;
  computed.kernel = launch.kernel;
  computed.firstParameter = numParameters;
  bool isEmpty;
  if (!computeExtents(launch, computed, isEmpty))
    return false;
  // A grid without blocks is no launch, and its tensors may be empty.
  if (isEmpty)
    return true;
  if (!computeCluster(launch, computed))
    return false;
  if (launch.programmatic) {
    cuda::LaunchAttribute &attribute =
        computed.attributes[computed.config.numAttributes++];
    attribute = {};
    attribute.id = cuda::kProgrammaticSerialization;
    attribute.value.programmaticSerialization = 1;
  }
  computed.config.attributes = computed.attributes;
  for (const Parameter &parameter : launch.parameters) {
    char *slot = storage + numBytes;
    if (!computeParameter(parameter, slot))
      return false;
    parameters[numParameters++] = slot;
    numBytes += (parameter.bytes + 63) / 64 * 64;
  }
  ++numLaunches;
  return true;
}

bool LaunchPlan::compute(void *workspace, int64_t workspaceSize) {
  if (!checkWorkspace(workspace, workspaceSize))
    return false;
  for (const Launch &launch : variant->launches)
    if (!computeLaunch(launch))
      return false;
  return true;
}

bool LaunchPlan::launch(cuda::Stream stream) {
  const std::vector<cuda::KernelHandle> &functions =
      code.targets[plan.target].kernels;
  for (int i = 0; i < numLaunches; ++i) {
    Computed &computed = launches[i];
    computed.config.stream = stream;
    cuda::Result result =
        code.driver->launch(&computed.config, functions[computed.kernel],
                            parameters + computed.firstParameter, nullptr);
    if (result == cuda::kSuccess)
      continue;
    char what[256];
    snprintf(what, sizeof(what), "%.100s: launch %d of %d, kernel %.100s",
             function.name.c_str(), i + 1, numLaunches,
             kernels[computed.kernel].name.c_str());
    return code.driver->fail(call.diag, result, what);
  }
  return true;
}
