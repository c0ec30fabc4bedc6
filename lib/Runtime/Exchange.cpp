//===- Exchange.cpp - calls on Python's arrays ----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn-c/Exchange.h"

//===----------------------------------------------------------------------===//
// DLPack
//===----------------------------------------------------------------------===//

// What is used here of DLPack's binary interface, versions 1.2 and up to 2.
namespace {
namespace dlpack {
constexpr uint32_t kMajorVersion = 1, kMinorVersion = 2;

enum Device : int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3 };
enum Kind : uint8_t { kInt = 0, kFloat = 2, kBfloat = 4, kBool = 6 };

struct Tensor {
  void *data;
  int32_t deviceType, device;
  int32_t rank;
  uint8_t kind, bits;
  uint16_t lanes;
  const int64_t *sizes, *strides;
  uint64_t byteOffset;
};

/// The part of an interface that no version changes.
struct Header {
  uint32_t major, minor;
  const Header *older;
};

struct Exchange {
  Header header;
  void (*unused[3])();
  int (*describe)(void *object, Tensor *tensor);
  int (*getStream)(int32_t deviceType, int32_t device, void **stream);
};

static_assert(sizeof(Tensor) == 48 && sizeof(Header) == 16 &&
                  sizeof(Exchange) == 56,
              "the sizes that DLPack prescribes");
} // namespace dlpack
} // namespace

static const dlpack::Exchange &getExchange(const void *exchange) {
  return *static_cast<const dlpack::Exchange *>(exchange);
}

const void *linattn_exchange_find(const void *table) {
  auto *header = static_cast<const dlpack::Header *>(table);
  while (header && header->major > dlpack::kMajorVersion)
    header = header->older;
  if (!header || header->major != dlpack::kMajorVersion ||
      header->minor < dlpack::kMinorVersion)
    return nullptr;
  // A library may leave out what it does not support.
  const dlpack::Exchange &exchange = getExchange(header);
  return exchange.describe && exchange.getStream ? header : nullptr;
}

/// The element type as a `linattn_dtype`, or 0.
static int32_t getDtype(const dlpack::Tensor &tensor) {
  if (tensor.lanes != 1)
    return 0;
  switch (tensor.kind << 8 | tensor.bits) {
  case dlpack::kFloat << 8 | 32:
    return LINATTN_F32;
  case dlpack::kFloat << 8 | 16:
    return LINATTN_F16;
  case dlpack::kBfloat << 8 | 16:
    return LINATTN_BF16;
  case dlpack::kFloat << 8 | 64:
    return LINATTN_F64;
  case dlpack::kBool << 8 | 8:
    return LINATTN_BOOL;
  case dlpack::kInt << 8 | 8:
    return LINATTN_I8;
  case dlpack::kInt << 8 | 16:
    return LINATTN_I16;
  case dlpack::kInt << 8 | 32:
    return LINATTN_I32;
  case dlpack::kInt << 8 | 64:
    return LINATTN_I64;
  }
  return 0;
}

static bool isOnDevice(const dlpack::Tensor &tensor, int32_t device) {
  if (device == LINATTN_DEVICE_HOST)
    return tensor.deviceType == dlpack::kCpu ||
           tensor.deviceType == dlpack::kCudaHost;
  return tensor.deviceType == dlpack::kCuda && tensor.device == device;
}

/// Whether `tensor` differs from `expected` in nothing but its data.
static bool isLike(const dlpack::Tensor &tensor,
                   const linattn_tensor &expected) {
  if (tensor.rank != expected.rank || getDtype(tensor) != expected.dtype)
    return false;
  // Without strides, a tensor is dense.
  int64_t dense = 1;
  for (int dim = tensor.rank - 1; dim >= 0; --dim) {
    int64_t size = tensor.sizes[dim];
    int64_t stride = tensor.strides ? tensor.strides[dim] : dense;
    if (size != expected.sizes[dim] || stride != expected.strides[dim])
      return false;
    // As the sizes are those of a call that was bound, there is no overflow
    // that it would not have, too; wrapping is defined for both.
    dense = static_cast<int64_t>(static_cast<uint64_t>(dense) *
                                 static_cast<uint64_t>(size ? size : 1));
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

int32_t linattn_exchange_stream(const void *exchange, int32_t device,
                                void **stream) {
  return getExchange(exchange).getStream(dlpack::kCuda, device, stream);
}

/// Fills in the data of one tensor of a call.
static bool fillArray(const linattn_exchange &exchange,
                      const linattn_exchange_array &array, void *objects) {
  const linattn_interpreter &python = *exchange.interpreter;
  void *object = python.tuple_item(objects, array.number);
  if (!object) {
    python.clear_error();
    return false;
  }
  // The functions of a type must not see objects of another one. The caller
  // keeps the expected type alive, so its address is not that of another.
  void *type = python.type(object);
  python.release(type);
  if (type != array.type)
    return false;
  dlpack::Tensor tensor = {};
  if (getExchange(array.exchange).describe(object, &tensor)) {
    python.clear_error();
    return false;
  }
  linattn_tensor &expected = exchange.tensors[array.number];
  if (!isOnDevice(tensor, array.device) || !isLike(tensor, expected))
    return false;
  expected.data = reinterpret_cast<void *>(
      reinterpret_cast<uintptr_t>(tensor.data) + tensor.byteOffset);
  return true;
}

int32_t linattn_exchange_fill(const linattn_exchange *exchange, void *objects) {
  const linattn_interpreter &python = *exchange->interpreter;
  if (python.tuple_size(objects) != exchange->num_objects)
    return LINATTN_OTHER_ARRAYS;
  for (int64_t i = 0; i < exchange->num_arrays; ++i)
    if (!fillArray(*exchange, exchange->arrays[i], objects))
      return LINATTN_OTHER_ARRAYS;
  linattn_call &call = *exchange->call;
  if (exchange->stream &&
      linattn_exchange_stream(exchange->stream, call.device, &call.stream)) {
    python.clear_error();
    return LINATTN_OTHER_ARRAYS;
  }
  return LINATTN_OK;
}

int32_t linattn_exchange_launch(const linattn_exchange *exchange,
                                void *objects) {
  if (int32_t code = linattn_exchange_fill(exchange, objects))
    return code;
  // Host code takes its time, and a driver whose queue is full waits, maybe for
  // a function of the host that needs Python.
  const linattn_interpreter &python = *exchange->interpreter;
  void *state = python.leave();
  int32_t code = linattn_call_launch(exchange->call);
  python.enter(state);
  return code;
}
