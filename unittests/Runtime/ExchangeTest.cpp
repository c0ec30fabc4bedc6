//===- ExchangeTest.cpp - calls on arrays that describe themselves --------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Without Python: its functions are stood in for by some that count.
//
//===----------------------------------------------------------------------===//

#include "linattn-c/Exchange.h"
#include "../../test/Runtime/Inputs/dlpack.h"
#include "TestArtifact.h"

#include "gtest/gtest.h"

#include <cstring>
#include <functional>

namespace {
struct Object {
  const char *type = "array";
  DLTensor tensor = {};
  bool fails = false;
};

struct Tuple {
  int64_t size = 3;
  Object *objects[3];
};

/// What the stand-ins for Python count.
struct Counts {
  int references = 0, exceptions = 0, cleared = 0, left = 0;
  bool isLocked = true;
} counts;

int lockState;

const linattn_interpreter kInterpreter = {
    [](void *tuple) { return static_cast<Tuple *>(tuple)->size; },
    [](void *tuple, int64_t item) -> void * {
      Object *object = static_cast<Tuple *>(tuple)->objects[item];
      counts.exceptions += !object;
      return object;
    },
    [](void *object) -> void * {
      ++counts.references;
      return const_cast<char *>(static_cast<Object *>(object)->type);
    },
    [](void *) { --counts.references; },
    [] {
      counts.exceptions = 0;
      ++counts.cleared;
    },
    []() -> void * {
      EXPECT_TRUE(counts.isLocked);
      counts.isLocked = false;
      ++counts.left;
      return &lockState;
    },
    [](void *state) {
      EXPECT_FALSE(counts.isLocked);
      EXPECT_EQ(state, &lockState);
      counts.isLocked = true;
    }};

bool streamFails;

int describe(void *object, DLTensor *out) {
  EXPECT_TRUE(counts.isLocked);
  const Object &source = *static_cast<Object *>(object);
  EXPECT_STREQ(source.type, "array");
  counts.exceptions += source.fails;
  *out = source.tensor;
  return source.fails ? -1 : 0;
}

int getStream(int32_t deviceType, int32_t device, void **stream) {
  EXPECT_EQ(deviceType, 2);
  EXPECT_EQ(device, 0);
  counts.exceptions += streamFails;
  *stream = reinterpret_cast<void *>(0x77);
  return streamFails ? -1 : 0;
}

DLPackExchangeAPI kExchange = {{1, 2, nullptr}, nullptr,  nullptr,
                               nullptr,         describe, getStream};

class Exchange : public ::testing::Test {
protected:
  void SetUp() override {
    fake = openFakeDriver();
    counts = {};
    streamFails = false;
    artifact = load(assemble(kTestManifest, getTestBlobs()), error);
    ASSERT_TRUE(artifact) << error.message;
    entry = linattn_artifact_entry(artifact.get(), 0);
    ASSERT_EQ(linattn_artifact_prepare(artifact.get(), 0, &error), LINATTN_OK);
    // The first tensor is a number: not one of the arrays.
    for (int i = 0; i < 3; ++i) {
      linattn_tensor &tensor = scan.tensors[i + 1];
      objects[i].tensor = {tensor.data,
                           2,
                           0,
                           tensor.rank,
                           static_cast<uint8_t>(i == 1 ? 2 : 4),
                           static_cast<uint8_t>(i == 1 ? 32 : 16),
                           1,
                           sizes[i],
                           strides[i],
                           0};
      memcpy(sizes[i], tensor.sizes, sizeof(sizes[i]));
      memcpy(strides[i], tensor.strides, sizeof(strides[i]));
      tuple.objects[i] = &objects[i];
      tensor.data = nullptr;
      arrays[i] = {i, type, linattn_exchange_find(&kExchange), 0};
    }
    call = {entry,     scan.tensors, 4,      scan.workspace,
            INT64_MAX, nullptr,      &error, 0};
    // Objects and tensors have the same numbers.
    exchange = {&kInterpreter,     &call, scan.tensors + 1, 3, 3, arrays,
                arrays[0].exchange};
  }

  /// The arrays are not like those of the call, after a change to them.
  void expectOther(const std::function<void()> &change, bool raises = false) {
    Object savedObject = objects[0];
    Tuple savedTuple = tuple;
    int64_t saved[8], savedStrides[8];
    memcpy(saved, sizes[0], sizeof(saved));
    memcpy(savedStrides, strides[0], sizeof(savedStrides));
    size_t launches = fake->launches.size();
    counts = {};
    change();
    EXPECT_EQ(linattn_exchange_launch(&exchange, &tuple), LINATTN_OTHER_ARRAYS);
    EXPECT_EQ(fake->launches.size(), launches);
    EXPECT_EQ(counts.cleared, raises);
    EXPECT_EQ(counts.exceptions, 0);
    EXPECT_EQ(counts.references, 0);
    EXPECT_TRUE(counts.isLocked);
    objects[0] = savedObject;
    tuple = savedTuple;
    memcpy(sizes[0], saved, sizeof(saved));
    memcpy(strides[0], savedStrides, sizeof(savedStrides));
    EXPECT_EQ(linattn_exchange_launch(&exchange, &tuple), LINATTN_OK)
        << error.message;
  }

  FakeState *fake;
  ArtifactPtr artifact;
  const linattn_entry *entry = nullptr;
  linattn_error error = {};
  ScanCall scan{/*batch=*/20, /*tokens=*/100};
  const char *type = Object().type;
  Object objects[3];
  Tuple tuple;
  int64_t sizes[3][8], strides[3][8];
  linattn_exchange_array arrays[3];
  linattn_call call;
  linattn_exchange exchange;
};

TEST_F(Exchange, LaunchesOnTheCurrentStream) {
  objects[1].tensor.byte_offset = 64;
  ASSERT_EQ(linattn_exchange_launch(&exchange, &tuple), LINATTN_OK)
      << error.message;
  ASSERT_FALSE(fake->launches.empty());
  EXPECT_EQ(fake->launches.back().stream, reinterpret_cast<void *>(0x77));
  EXPECT_EQ(scan.tensors[1].data, reinterpret_cast<void *>(0x1000000));
  EXPECT_EQ(scan.tensors[2].data, reinterpret_cast<void *>(0x2000040));
  EXPECT_EQ(scan.tensors[3].data, reinterpret_cast<void *>(0x3000000));
  EXPECT_EQ(counts.left, 1);
  EXPECT_TRUE(counts.isLocked);
  EXPECT_EQ(counts.references, 0);
}

TEST_F(Exchange, FillsOnly) {
  EXPECT_EQ(linattn_exchange_fill(&exchange, &tuple), LINATTN_OK);
  EXPECT_TRUE(fake->launches.empty());
  EXPECT_EQ(scan.tensors[3].data, reinterpret_cast<void *>(0x3000000));
  EXPECT_EQ(call.stream, reinterpret_cast<void *>(0x77));
  EXPECT_EQ(counts.left, 0);
}

TEST_F(Exchange, ReportsWhatTheLaunchReports) {
  objects[0].tensor.data = nullptr;
  EXPECT_EQ(linattn_exchange_launch(&exchange, &tuple), LINATTN_BAD_DATA);
  EXPECT_NE(strstr(error.message, "expected data, not null"), nullptr);
  EXPECT_TRUE(counts.isLocked);
}

TEST_F(Exchange, NoStridesAreDense) {
  for (Object &object : objects)
    object.tensor.strides = nullptr;
  EXPECT_EQ(linattn_exchange_launch(&exchange, &tuple), LINATTN_OK);
  scan.tensors[1].strides[0] *= 2;
  EXPECT_EQ(linattn_exchange_launch(&exchange, &tuple), LINATTN_OTHER_ARRAYS);
}

TEST_F(Exchange, FindsDifferences) {
  expectOther([&] { objects[0].tensor.ndim = 2; });
  expectOther([&] { objects[0].tensor.ndim = -1; });
  expectOther([&] { sizes[0][1] = 99; });
  expectOther([&] { strides[0][0] += 64; });
  expectOther([&] { objects[0].tensor.code = 2; });
  expectOther([&] { objects[0].tensor.bits = 32; });
  expectOther([&] { objects[0].tensor.lanes = 2; });
  expectOther([&] { objects[0].tensor.code = 17; });
  expectOther([&] { objects[0].tensor.device_id = 1; });
  expectOther([&] { objects[0].tensor.device_type = 1; });
  expectOther([&] { objects[0].tensor.device_type = 13; });
  // The functions of a type must not see objects of another one.
  expectOther([&] { objects[0].type = "number"; });
  expectOther([&] { tuple.size = 2; });
  expectOther([&] { tuple.size = 4; });
}

TEST_F(Exchange, ClearsExceptions) {
  expectOther([&] { objects[0].fails = true; }, /*raises=*/true);
  expectOther([&] { tuple.objects[0] = nullptr; }, /*raises=*/true);
  streamFails = true;
  EXPECT_EQ(linattn_exchange_launch(&exchange, &tuple), LINATTN_OTHER_ARRAYS);
  EXPECT_EQ(counts.exceptions, 0);
}

TEST_F(Exchange, HostTakesPinnedMemory) {
  for (int i = 0; i < 3; ++i) {
    arrays[i].device = LINATTN_DEVICE_HOST;
    objects[i].tensor.device_type = i == 0 ? 1 : 3;
  }
  exchange.stream = nullptr;
  EXPECT_EQ(linattn_exchange_fill(&exchange, &tuple), LINATTN_OK);
  EXPECT_EQ(call.stream, nullptr);
}

TEST(ExchangeVersion, FindsWhatItCanUse) {
  EXPECT_EQ(linattn_exchange_find(nullptr), nullptr);
  EXPECT_EQ(linattn_exchange_find(&kExchange), &kExchange);
  DLPackExchangeAPI other = kExchange;
  other.header.minor = 9;
  EXPECT_EQ(linattn_exchange_find(&other), &other);
  other.header.minor = 1; // Had another interface, or none.
  EXPECT_EQ(linattn_exchange_find(&other), nullptr);
  // Of a version that is not known, the header is.
  other.header = {2, 0, nullptr};
  EXPECT_EQ(linattn_exchange_find(&other), nullptr);
  other.header.prev_api = &kExchange.header;
  EXPECT_EQ(linattn_exchange_find(&other), &kExchange);
  other = kExchange;
  other.dltensor_from_py_object_no_sync = nullptr;
  EXPECT_EQ(linattn_exchange_find(&other), nullptr);
  other = kExchange;
  other.current_work_stream = nullptr;
  EXPECT_EQ(linattn_exchange_find(&other), nullptr);
}
} // namespace
