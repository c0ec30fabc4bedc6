//===- Exchange.h - calls on Python's arrays ----------------------*- C -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of the runtime that bindings of Python may use to repeat a call with
// other arrays that differ in nothing but their data. The arrays describe
// themselves by the functions of DLPack's C exchange API, which their type has
// as __dlpack_c_exchange_api__. What Python itself must do is passed as
// addresses, so the runtime is linked to no Python and built for none.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_C_EXCHANGE_H
#define LINATTN_C_EXCHANGE_H

#include "linattn-c/Runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Returned where the arrays are not as the call expects them, or do not
/// describe themselves. Nothing has been launched, and no exception is set.
#define LINATTN_OTHER_ARRAYS (-1)

/// Functions of Python's stable ABI.
typedef struct linattn_interpreter {
  int64_t (*tuple_size)(void *tuple);             /* PyTuple_Size */
  void *(*tuple_item)(void *tuple, int64_t item); /* PyTuple_GetItem */
  void *(*type)(void *object);                    /* PyObject_Type */
  void (*release)(void *object);                  /* Py_DecRef */
  void (*clear_error)(void);                      /* PyErr_Clear */
  void *(*leave)(void);                           /* PyEval_SaveThread */
  void (*enter)(void *state);                     /* PyEval_RestoreThread */
} linattn_interpreter;

/// One array of a call, and the tensor of the call that it is.
typedef struct linattn_exchange_array {
  int64_t number;       /* in the tuple, and among the tensors */
  const void *type;     /* its Python type */
  const void *exchange; /* of that type, by linattn_exchange_find */
  int32_t device;
} linattn_exchange_array;

/// A call that can be repeated. Its tensors, apart from their data, say what
/// the arrays must be like. Not to be used by two threads at once.
typedef struct linattn_exchange {
  const linattn_interpreter *interpreter;
  linattn_call *call;
  linattn_tensor *tensors; /* those of the call */
  int64_t num_objects;     /* of the tuple; those not listed are ignored */
  int64_t num_arrays;
  const linattn_exchange_array *arrays;
  const void *stream; /* whose current stream the call uses; null on the host */
} linattn_exchange;

/// `table` is the pointer in the capsule "dlpack_exchange_api" of an array
/// type. Returns that part of it which the functions below can use, or null.
const void *linattn_exchange_find(const void *table);

/// The current stream of a device by a result of linattn_exchange_find. Not 0
/// if a Python exception is set. The caller holds Python's lock.
int32_t linattn_exchange_stream(const void *exchange, int32_t device,
                                void **stream);

/// Checks the arrays in `objects`, a Python tuple, and fills in their data and
/// the stream. The caller holds Python's lock. Allocates nothing.
int32_t linattn_exchange_fill(const linattn_exchange *exchange, void *objects);

/// Does the same, then launches, without Python's lock.
int32_t linattn_exchange_launch(const linattn_exchange *exchange,
                                void *objects);

#ifdef __cplusplus
}
#endif

#endif /* LINATTN_C_EXCHANGE_H */
