//===- FakeDriver.h - a CUDA driver for tests -------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A shared library with the entry points that the runtime uses. It runs
// nothing: it records what it is asked for, and fails where a test wants.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_UNITTESTS_FAKEDRIVER_H
#define LINATTN_UNITTESTS_FAKEDRIVER_H

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

struct FakeTensorMap {
  int dataType = 0;
  uint32_t rank = 0;
  uint64_t address = 0;
  std::vector<uint64_t> sizes, byteStrides;
  std::vector<uint32_t> box, elementStrides;
  int interleave = 0, swizzle = 0, l2Promotion = 0, fill = 0;
};

struct FakeLaunch {
  std::string kernel;
  uint32_t grid[3] = {}, block[3] = {}, cluster[3] = {};
  uint32_t sharedMemory = 0;
  bool programmatic = false;
  void *stream = nullptr, *context = nullptr;
  std::vector<std::vector<char>> parameters;
};

struct FakeState {
  // What the test wants.
  int deviceCount = 1, capability = 90, smCount = 132;
  /// Kernels of all modules, and the bytes of their parameters.
  std::map<std::string, std::vector<size_t>> kernels;
  /// The entry point that fails, and how.
  std::string failing;
  int failure = 0;
  /// Machine code is refused as by another architecture.
  bool refuseCubins = false;
  bool recordLaunches = true;

  // What happened.
  std::mutex mutex;
  std::vector<std::string> calls;
  std::vector<FakeLaunch> launches;
  std::vector<FakeTensorMap> tensorMaps;
  std::vector<std::string> images;
  /// Kernels, and the image that each was taken from.
  std::map<std::string, std::string> kernelImages;
  std::map<std::string, int> sharedMemory;
  std::vector<char> constants;
  int64_t numLaunches = 0;
  int contexts = 0, modules = 0, allocations = 0;
};

extern "C" FakeState *getFakeState();
extern "C" void resetFakeState();

#endif // LINATTN_UNITTESTS_FAKEDRIVER_H
