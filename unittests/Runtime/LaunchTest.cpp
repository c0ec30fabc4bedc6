//===- LaunchTest.cpp - launches, on a driver that records them -----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestArtifact.h"

#include "gtest/gtest.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#if !__has_feature(address_sanitizer)
#define COUNT_ALLOCATIONS 1
// Counts what this thread asks of the heap.
static thread_local int64_t numAllocations = 0;
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *malloc(size_t size) {
  ++numAllocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++numAllocations;
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  ++numAllocations;
  return __libc_realloc(memory, size);
}
}
#else
#define COUNT_ALLOCATIONS 0
static int64_t numAllocations = 0;
#endif

namespace {
template <typename T>
T read(const std::vector<char> &bytes) {
  T value;
  EXPECT_EQ(bytes.size(), sizeof(T));
  memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

class Launch : public ::testing::Test {
protected:
  void SetUp() override { fake = openFakeDriver(); }

  /// Loads a manifest and prepares device 0.
  int32_t prepare(const std::string &manifest = kTestManifest) {
    artifact = load(assemble(manifest, getTestBlobs()), error);
    EXPECT_TRUE(artifact) << error.message;
    if (!artifact)
      return error.code;
    entry = linattn_artifact_entry(artifact.get(), 0);
    return linattn_artifact_prepare(artifact.get(), 0, &error);
  }

  /// Launches and expects a refusal.
  void expectRefusal(ScanCall &call, int32_t code, const char *text) {
    size_t launches = fake->launches.size();
    EXPECT_EQ(call.launch(entry), code) << call.error.message;
    EXPECT_EQ(call.error.code, code);
    EXPECT_NE(strstr(call.error.message, text), nullptr) << call.error.message;
    EXPECT_EQ(fake->launches.size(), launches);
  }

  FakeState *fake;
  ArtifactPtr artifact;
  const linattn_entry *entry = nullptr;
  linattn_error error = {};
};

TEST_F(Launch, PreparesEagerly) {
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  EXPECT_EQ(fake->images, std::vector<std::string>{"ptx for 90a"});
  EXPECT_EQ(fake->sharedMemory,
            (std::map<std::string, int>{{"whole", 213120}}));
  EXPECT_EQ(fake->constants.size(), 48u);
  EXPECT_EQ(fake->constants[1], 'B');
  EXPECT_EQ(linattn_entry_is_ready(entry, 0), 1);
  EXPECT_EQ(linattn_entry_is_ready(entry, 1), 0);
  EXPECT_EQ(linattn_entry_is_ready(entry, LINATTN_DEVICE_HOST), 0);
  size_t calls = fake->calls.size();
  EXPECT_EQ(linattn_artifact_prepare(artifact.get(), 0, &error), LINATTN_OK);
  EXPECT_EQ(fake->calls.size(), calls);
  artifact.reset();
  EXPECT_EQ(fake->modules, 0);
  EXPECT_EQ(fake->contexts, 0);
  EXPECT_EQ(fake->allocations, 0);
}

TEST_F(Launch, BlobOfEachKernel) {
  std::string manifest =
      replaced(kTestManifest, R"("arch": "compute_90a", "blob": 1)",
               R"("arch": "compute_90a", "blobs": [1, 2, 1])");
  ASSERT_EQ(prepare(manifest), LINATTN_OK) << error.message;
  EXPECT_EQ(fake->kernelImages,
            (std::map<std::string, std::string>{{"whole", "ptx for 90a"},
                                                {"part", "ptx for rest"},
                                                {"join", "ptx for 90a"}}));
  EXPECT_EQ(fake->modules, 3);
  artifact.reset();
  EXPECT_EQ(fake->modules, 0);
  // What was loaded before a failure does not stay.
  std::string blobs = getTestBlobs();
  memcpy(&blobs[128], "broken ptx..", 12);
  artifact = load(assemble(manifest, blobs), error);
  ASSERT_TRUE(artifact) << error.message;
  EXPECT_EQ(linattn_artifact_prepare(artifact.get(), 0, &error),
            LINATTN_DRIVER_ERROR);
  EXPECT_EQ(fake->modules, 0);
}

TEST_F(Launch, Split) {
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  ScanCall call(/*batch=*/20, /*tokens=*/100);
  // 132 / 20 = 6 parts of each sequence.
  call.tensors[3] = {};
  ASSERT_EQ(call.query(entry), LINATTN_OK) << call.error.message;
  EXPECT_EQ(call.workspaceSize, 20 * 6 * 256);
  EXPECT_EQ(call.tensors[3].dtype, LINATTN_BF16);
  EXPECT_EQ(call.tensors[3].rank, 3);
  EXPECT_EQ(call.tensors[3].sizes[1], 100);
  EXPECT_EQ(call.tensors[3].strides[0], 6400);
  call.tensors[3].data = reinterpret_cast<void *>(0x3000000);
  int stream;
  ASSERT_EQ(call.launch(entry, &stream), LINATTN_OK) << call.error.message;

  ASSERT_EQ(fake->launches.size(), 2u);
  const FakeLaunch &part = fake->launches[0], &join = fake->launches[1];
  EXPECT_EQ(part.kernel, "part");
  EXPECT_EQ(part.grid[0], 120u);
  EXPECT_EQ(part.block[0], 128u);
  EXPECT_EQ(part.cluster[0], 6u);
  EXPECT_EQ(part.cluster[1], 1u);
  EXPECT_EQ(part.sharedMemory, 1024u);
  EXPECT_EQ(part.stream, &stream);
  EXPECT_NE(part.context, nullptr);
  EXPECT_FALSE(part.programmatic);
  uint64_t address;
  memcpy(&address, part.parameters[0].data(), 8);
  EXPECT_EQ(address, 0x1000000u);
  EXPECT_EQ(read<float>(part.parameters[2]), 0.5f);
  EXPECT_EQ(read<uint64_t>(part.parameters[3]), 0x70000010u);

  EXPECT_EQ(join.kernel, "join");
  EXPECT_EQ(join.grid[0], 20u);
  EXPECT_EQ(join.block[1], 2u);
  EXPECT_EQ(join.cluster[0], 0u);
  EXPECT_TRUE(join.programmatic);
  EXPECT_EQ(read<uint64_t>(join.parameters[0]), 0x5000000u);
  EXPECT_EQ(read<uint64_t>(join.parameters[1]), 0x2000008u);
  EXPECT_EQ(read<float>(join.parameters[2]), 1.0f);
  EXPECT_EQ(read<uint8_t>(join.parameters[3]), 2);

  ASSERT_EQ(fake->tensorMaps.size(), 2u);
  const FakeTensorMap &x = fake->tensorMaps[0], &partial = fake->tensorMaps[1];
  EXPECT_EQ(x.dataType, 9);
  EXPECT_EQ(x.rank, 3u);
  EXPECT_EQ(x.address, 0x1000000u);
  EXPECT_EQ(x.sizes, (std::vector<uint64_t>{64, 100, 20}));
  EXPECT_EQ(x.byteStrides, (std::vector<uint64_t>{128, 12800}));
  EXPECT_EQ(x.box, (std::vector<uint32_t>{64, 32, 1}));
  EXPECT_EQ(x.elementStrides, (std::vector<uint32_t>{1, 1, 1}));
  EXPECT_EQ(x.interleave, 0);
  EXPECT_EQ(x.swizzle, 3);
  EXPECT_EQ(x.l2Promotion, 3);
  EXPECT_EQ(x.fill, 1);
  EXPECT_EQ(partial.dataType, 7);
  EXPECT_EQ(partial.address, 0x5000000u);
  EXPECT_EQ(partial.swizzle, 0);
  EXPECT_EQ(partial.l2Promotion, 0);
  EXPECT_EQ(partial.fill, 0);
}

TEST_F(Launch, WholeNeedsNoWorkspace) {
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  ScanCall call(/*batch=*/100, /*tokens=*/7);
  call.workspace = nullptr;
  ASSERT_EQ(call.query(entry), LINATTN_OK) << call.error.message;
  EXPECT_EQ(call.workspaceSize, 0);
  ASSERT_EQ(call.launch(entry), LINATTN_OK) << call.error.message;
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_EQ(fake->launches[0].kernel, "whole");
  EXPECT_EQ(fake->launches[0].sharedMemory, 204800u);
  EXPECT_EQ(read<int32_t>(fake->launches[0].parameters[2]), 7);
}

TEST_F(Launch, EmptyGridIsNoLaunch) {
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  ScanCall call(/*batch=*/0, /*tokens=*/0);
  for (linattn_tensor &tensor : call.tensors)
    if (tensor.rank)
      tensor.data = nullptr;
  EXPECT_EQ(call.launch(entry), LINATTN_OK) << call.error.message;
  EXPECT_TRUE(fake->launches.empty());
}

TEST_F(Launch, TensorMapOfNothing) {
  // A kernel may have work to do on a tensor without elements, whose address
  // may be null.
  std::string manifest = kTestManifest;
  const std::string condition = R"(["or", ["<", "splits", 2], ["==", "N", 0]])";
  manifest.replace(manifest.find(condition), condition.size(), "0");
  ASSERT_EQ(prepare(manifest), LINATTN_OK) << error.message;
  ScanCall call(/*batch=*/20, /*tokens=*/0);
  call.tensors[1].data = nullptr;
  ASSERT_EQ(call.launch(entry), LINATTN_OK) << call.error.message;
  ASSERT_FALSE(fake->tensorMaps.empty());
  const FakeTensorMap &map = fake->tensorMaps[0];
  EXPECT_EQ(map.sizes, (std::vector<uint64_t>{1, 1, 1}));
  EXPECT_EQ(map.byteStrides, (std::vector<uint64_t>{16, 16}));
  EXPECT_EQ(map.address, 16u);
}

TEST_F(Launch, StridesAndSmallDimensions) {
  fake->smCount = 16;
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  // Every second token of a larger tensor.
  ScanCall call(/*batch=*/2, /*tokens=*/100);
  call.tensors[1].strides[1] = 128;
  call.tensors[1].strides[0] = 128 * 200;
  ASSERT_EQ(call.launch(entry), LINATTN_OK) << call.error.message;
  EXPECT_EQ(fake->tensorMaps[0].byteStrides,
            (std::vector<uint64_t>{256, 51200}));
  // The stride of a single batch is whatever the caller's library made of it.
  ScanCall one(/*batch=*/1, /*tokens=*/100);
  one.tensors[1].strides[0] = 3;
  one.tensors[2].strides[0] = 5;
  ASSERT_EQ(one.launch(entry), LINATTN_OK) << one.error.message;
  EXPECT_EQ(fake->tensorMaps[2].byteStrides,
            (std::vector<uint64_t>{128, 12800}));
  EXPECT_EQ(fake->launches.back().kernel, "join");
}

TEST_F(Launch, RefusesBadCalls) {
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  auto expect = [&](auto change, int32_t code, const char *text) {
    ScanCall call(20, 100);
    change(call);
    expectRefusal(call, code, text);
  };
  auto tensor = [&](int index, auto change, int32_t code, const char *text) {
    expect([&](ScanCall &call) { change(call.tensors[index]); }, code, text);
  };
  using T = linattn_tensor;
  tensor(
      1, [](T &t) { t.data = nullptr; }, LINATTN_BAD_DATA,
      "scan: argument 'x': expected data, not null");
  tensor(
      1, [](T &t) { t.data = (char *)t.data + 2; }, LINATTN_BAD_DATA,
      "argument 'x': expected data aligned to 16 bytes, but got the address "
      "0x1000002");
  tensor(0, [](T &t) { t.data = nullptr; }, LINATTN_BAD_DATA, "'scale'");
  tensor(3, [](T &t) { t.data = nullptr; }, LINATTN_BAD_DATA, "result 'o'");
  tensor(
      1, [](T &t) { t.dtype = LINATTN_F16; }, LINATTN_BAD_DTYPE,
      "expected bf16 elements, but got f16");
  tensor(1, [](T &t) { t.dtype = 77; }, LINATTN_BAD_DTYPE, "but got ?");
  tensor(
      1, [](T &t) { t.rank = 2; }, LINATTN_BAD_RANK,
      "expected rank 3, but got 2");
  tensor(
      1, [](T &t) { t.sizes[2] = 32; }, LINATTN_BAD_SIZE,
      "expected size 64 in dimension 2, but got 32");
  tensor(1, [](T &t) { t.sizes[1] = -1; }, LINATTN_BAD_SIZE, "at least 0");
  tensor(
      2, [](T &t) { t.sizes[0] = 21; }, LINATTN_BAD_SIZE,
      "argument 'state': expected size B = 20 in dimension 0, but got 21");
  tensor(
      3, [](T &t) { t.sizes[1] = 99; }, LINATTN_BAD_SIZE,
      "result 'o': expected size 100 in dimension 1, but got 99");
  tensor(
      1, [](T &t) { t.strides[2] = 2; }, LINATTN_BAD_STRIDE,
      "expected stride 1 in dimension 2, but got 2");
  tensor(
      1, [](T &t) { t.strides[1] = 68; }, LINATTN_BAD_STRIDE,
      "a multiple of 8 and not negative in dimension 1, but got 68");
  tensor(
      1, [](T &t) { t.strides[0] = -64; }, LINATTN_BAD_STRIDE, "not negative");
  tensor(
      2, [](T &t) { t.strides[0] = 128; }, LINATTN_BAD_STRIDE,
      "expected stride 64 in dimension 0, but got 128");
  tensor(3, [](T &t) { t.strides[0] = 0; }, LINATTN_BAD_STRIDE, "other than 0");
  tensor(
      1, [](T &t) { t.strides[0] = INT64_MAX & ~7; }, LINATTN_BAD_SIZE, "2^63");
  expect([](ScanCall &c) { c.workspaceSize = 30719; }, LINATTN_BAD_WORKSPACE,
         "at least 30720 bytes, but got 30719");
  expect([](ScanCall &c) { c.workspace = nullptr; }, LINATTN_BAD_WORKSPACE,
         "aligned to 256");
  expect([](ScanCall &c) { c.workspace = (void *)0x5000010; },
         LINATTN_BAD_WORKSPACE, "aligned to 256");
  ScanCall many(20, 1000001);
  expectRefusal(many, LINATTN_CHECK_FAILED, "at most a million tokens");
  ScanCall overflow(20, 999999);
  expectRefusal(overflow, LINATTN_BAD_LAUNCH,
                "kernel join: expected a parameter from 0 to 255");
  EXPECT_TRUE(fake->launches.empty());

  ScanCall call(20, 100);
  EXPECT_EQ(linattn_entry_launch(entry, 0, call.tensors, 3, nullptr, 0, nullptr,
                                 &error),
            LINATTN_BAD_CALL);
  EXPECT_NE(strstr(error.message, "expected 4 tensors"), nullptr);
  EXPECT_EQ(
      linattn_entry_launch(entry, 0, nullptr, 4, nullptr, 0, nullptr, &error),
      LINATTN_BAD_CALL);
  EXPECT_EQ(linattn_entry_launch(nullptr, 0, call.tensors, 4, nullptr, 0,
                                 nullptr, nullptr),
            LINATTN_BAD_CALL);
  EXPECT_EQ(linattn_entry_launch(entry, 1, call.tensors, 4, nullptr, 0, nullptr,
                                 &error),
            LINATTN_NOT_PREPARED);
  EXPECT_EQ(linattn_entry_launch(entry, 99, call.tensors, 4, nullptr, 0,
                                 nullptr, &error),
            LINATTN_NO_DEVICE);
  EXPECT_EQ(linattn_entry_launch(entry, -1, call.tensors, 4, nullptr, 0,
                                 nullptr, &error),
            LINATTN_NOT_PREPARED);
}

TEST_F(Launch, RefusesBadPlans) {
  auto expect = [&](const char *from, const char *to, int32_t code,
                    const char *text) {
    ASSERT_EQ(prepare(replaced(kTestManifest, from, to)), LINATTN_OK)
        << error.message;
    ScanCall call(20, 100);
    expectRefusal(call, code, text);
  };
  expect(R"("grid": [["*", "B", "splits"], 1, 1])", R"("grid": [1, 65536, 1])",
         LINATTN_BAD_LAUNCH, "kernel part: expected a grid of 0 to 65535 in y");
  expect(R"("grid": [["*", "B", "splits"], 1, 1])", R"("grid": [-1, 1, 1])",
         LINATTN_BAD_LAUNCH, "in x, but got -1");
  expect(R"("block": [32, 2, 1])", R"("block": [1024, 2, 1])",
         LINATTN_BAD_LAUNCH, "at most 1024 threads, but got 2048");
  expect(R"("block": [32, 2, 1])", R"("block": [32, 0, 1])", LINATTN_BAD_LAUNCH,
         "block of 1 to 1024 in y, but got 0");
  expect(R"("cluster": ["splits", 1, 1])", R"("cluster": [7, 1, 1])",
         LINATTN_BAD_LAUNCH, "divides the grid 120 in x, but got 7");
  expect(R"("shared_memory": 1024,)", R"("shared_memory": 1025,)",
         LINATTN_BAD_LAUNCH, "0 to 1024 bytes of shared memory, but got 1025");
  expect(R"("base": "constants", "offset": 16)",
         R"("base": "constants", "offset": 49)", LINATTN_BAD_LAUNCH,
         "0 to 48 in the constants, but got 49");
  expect(R"("base": "workspace", "offset": 0)",
         R"("base": "workspace", "offset": 30976)", LINATTN_BAD_LAUNCH,
         "0 to 30720 in the workspace");
  expect(R"("strides": ["xn", "xb"])", R"("strides": [1, "xb"])",
         LINATTN_BAD_LAUNCH, "multiple of 16 bytes");
  expect(R"("sizes": [64, "N", "B"])", R"("sizes": [64, ["-", "N", 101], "B"])",
         LINATTN_BAD_LAUNCH, "size of at most 2^32");
  expect(R"("workspace": ["*", "B", "splits", 256])",
         R"("workspace": ["-", 0, "B"])", LINATTN_BAD_EXPRESSION,
         "the size is -20");
  expect(R"(["max", 1, ["floordiv", "sm_count",
                                       ["max", "B", 1]]])",
         R"(["floordiv", 1, 0])", LINATTN_BAD_EXPRESSION,
         "scan: symbol 'splits': the divisor is not positive");
}

TEST_F(Launch, PortableTarget) {
  fake->capability = 120;
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  EXPECT_EQ(fake->images, std::vector<std::string>{"ptx for rest"});
  ScanCall call;
  EXPECT_EQ(call.launch(entry), LINATTN_OK) << call.error.message;
  EXPECT_EQ(fake->launches.at(0).kernel, "simple");
  ScanCall empty(2, 0);
  expectRefusal(empty, LINATTN_NO_VARIANT, "none of the 1 variants");
}

TEST_F(Launch, DevicesWithoutCode) {
  fake->capability = 75;
  EXPECT_EQ(prepare(), LINATTN_NO_CODE);
  EXPECT_STREQ(error.message, "the artifact holds code for compute_90a, "
                              "compute_80, but device 0 has compute capability "
                              "7.5");
  EXPECT_EQ(linattn_artifact_prepare(artifact.get(), 1, &error),
            LINATTN_NO_DEVICE);
  EXPECT_EQ(linattn_artifact_prepare(artifact.get(), -2, &error),
            LINATTN_NO_DEVICE);
  EXPECT_EQ(linattn_artifact_prepare(artifact.get(), -1, &error),
            LINATTN_NO_CODE);
  EXPECT_EQ(fake->contexts, 0);
}

TEST_F(Launch, DriverErrors) {
  // Whatever fails while loading, nothing stays behind.
  for (const char *call :
       {"cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetAttribute",
        "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2", "cuMemAlloc_v2",
        "cuMemcpyHtoD_v2", "cuModuleLoadDataEx", "cuModuleGetFunction",
        "cuFuncLoad", "cuFuncSetAttribute"}) {
    fake->failing = call;
    fake->failure = 2;
    EXPECT_EQ(prepare(), LINATTN_DRIVER_ERROR) << call;
    EXPECT_NE(strstr(error.message, "CUDA_ERROR_OUT_OF_MEMORY (2)"), nullptr)
        << error.message;
    EXPECT_EQ(linattn_entry_is_ready(entry, 0), 0);
    artifact.reset();
    EXPECT_EQ(fake->contexts, 0) << call;
    EXPECT_EQ(fake->modules, 0) << call;
    EXPECT_EQ(fake->allocations, 0) << call;
  }
  fake->failing = "";
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  // Of a size that no other test has: tensor maps are made once.
  ScanCall call(21, 101);
  for (const char *name :
       {"cuTensorMapEncodeTiled", "cuLaunchKernelEx", "cuCtxPushCurrent_v2"}) {
    fake->failing = name;
    expectRefusal(call, LINATTN_DRIVER_ERROR, "CUDA_ERROR_OUT_OF_MEMORY");
  }
  fake->failing = "cuLaunchKernelEx";
  expectRefusal(call, LINATTN_DRIVER_ERROR,
                "scan: launch 1 of 2, kernel part: the CUDA driver says");
}

TEST_F(Launch, KernelsThatDoNotMatchTheManifest) {
  fake->kernels["join"] = {8, 8, 4};
  EXPECT_EQ(prepare(), LINATTN_BAD_ARTIFACT);
  EXPECT_NE(strstr(error.message, "join expects fewer than 4"), nullptr)
      << error.message;
  fake->kernels["join"] = {8, 8, 4, 1, 1};
  EXPECT_EQ(prepare(), LINATTN_BAD_ARTIFACT);
  EXPECT_NE(strstr(error.message, "more than 4"), nullptr) << error.message;
  fake->kernels["join"] = {8, 8, 8, 1};
  EXPECT_EQ(prepare(), LINATTN_BAD_ARTIFACT);
  EXPECT_NE(strstr(error.message, "8 bytes for parameter 2"), nullptr)
      << error.message;
  fake->kernels.erase("join");
  EXPECT_EQ(prepare(), LINATTN_DRIVER_ERROR);
  EXPECT_NE(strstr(error.message, "kernel join"), nullptr) << error.message;
  artifact.reset();
  EXPECT_EQ(fake->modules, 0);
}

TEST_F(Launch, PtxErrorsComeWithTheLog) {
  std::string blobs = getTestBlobs();
  memcpy(&blobs[64], "broken ptx.", 11);
  artifact = load(assemble(kTestManifest, blobs), error);
  ASSERT_TRUE(artifact);
  EXPECT_EQ(linattn_artifact_prepare(artifact.get(), 0, &error),
            LINATTN_DRIVER_ERROR);
  EXPECT_NE(strstr(error.message, "compute_90a (line 1: broken)"), nullptr)
      << error.message;
}

TEST_F(Launch, AllocatesNothingAndLeaksNothing) {
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  fake->recordLaunches = false;
  ScanCall split(20, 100), whole(100, 100);
  size_t calls = fake->calls.size();
  int64_t before = numAllocations;
  for (int i = 0; i < 10000; ++i) {
    ASSERT_EQ(split.launch(entry), LINATTN_OK);
    ASSERT_EQ(whole.launch(entry), LINATTN_OK);
    ASSERT_EQ(split.query(entry), LINATTN_OK);
  }
  if (COUNT_ALLOCATIONS) {
    EXPECT_GT(before, 0); // The counter works.
    EXPECT_EQ(numAllocations, before);
  }
  EXPECT_EQ(fake->numLaunches, 30000);
  EXPECT_EQ(fake->calls.size(), calls);
  EXPECT_EQ(fake->allocations, 1); // The constants.
}

TEST_F(Launch, OnlyLaunchesReachTheDriver) {
  ASSERT_EQ(prepare(), LINATTN_OK) << error.message;
  fake->calls.clear();
  // Of a size that no other test has.
  ScanCall call(22, 102);
  ASSERT_EQ(call.query(entry), LINATTN_OK);
  EXPECT_TRUE(fake->calls.empty());
  ASSERT_EQ(call.launch(entry), LINATTN_OK);
  EXPECT_EQ(fake->calls, (std::vector<std::string>{
                             "cuTensorMapEncodeTiled", "cuTensorMapEncodeTiled",
                             "cuCtxPushCurrent_v2", "cuLaunchKernelEx",
                             "cuLaunchKernelEx"}));
  // A thread that repeats a call has its tensor maps already.
  fake->calls.clear();
  ASSERT_EQ(call.launch(entry), LINATTN_OK);
  EXPECT_EQ(fake->calls,
            (std::vector<std::string>{"cuCtxPushCurrent_v2", "cuLaunchKernelEx",
                                      "cuLaunchKernelEx"}));
}

TEST_F(Launch, ThreadsShareAnArtifact) {
  ArtifactPtr shared = load(assemble(kTestManifest, getTestBlobs()), error);
  ASSERT_TRUE(shared);
  fake->recordLaunches = false;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      linattn_error error;
      failures += linattn_artifact_prepare(shared.get(), 0, &error) != 0;
      for (int i = 0; i < 1000; ++i) {
        ScanCall call(20 + t, 100);
        failures += call.launch(linattn_artifact_entry(shared.get(), 0)) != 0;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(fake->modules, 1);
  EXPECT_EQ(fake->numLaunches, 8000);
}

/// In a process of its own, as the driver is opened once.
TEST(NoDriver, IsAnError) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv("LINATTN_LIBCUDA", "/nonexistent/libcuda.so.1", 1);
  EXPECT_EXIT(
      {
        linattn_error error;
        ArtifactPtr artifact =
            load(assemble(kTestManifest, getTestBlobs()), error);
        int32_t code = linattn_artifact_prepare(artifact.get(), 0, &error);
        fprintf(stderr, "%s", error.message);
        exit(code);
      },
      ::testing::ExitedWithCode(LINATTN_NO_DEVICE),
      "found no CUDA driver: /nonexistent/libcuda.so.1");
}

TEST(NoDriver, OldOneIsAnError) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // A library that is not a driver.
  setenv("LINATTN_LIBCUDA", HOST_CODE, 1);
  EXPECT_EXIT(
      {
        linattn_error error;
        ArtifactPtr artifact =
            load(assemble(kTestManifest, getTestBlobs()), error);
        int32_t code = linattn_artifact_prepare(artifact.get(), 0, &error);
        fprintf(stderr, "%s", error.message);
        exit(code);
      },
      ::testing::ExitedWithCode(LINATTN_NO_DEVICE), "lacks cuInit");
}
} // namespace
