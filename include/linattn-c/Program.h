//===- Program.h - calling compiled linattn functions -------------*- C -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C ABI of compiled functions. This header needs nothing but a C compiler;
// docs/ABI.md is the contract.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_C_PROGRAM_H
#define LINATTN_C_PROGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Changes whenever a compiled function and its caller stop agreeing.
#define LINATTN_ABI_VERSION 1

/// The largest rank of a tensor that crosses the ABI.
#define LINATTN_MAX_RANK 8

/// Element types.
typedef enum linattn_dtype {
  LINATTN_F32 = 1,
  LINATTN_F16 = 2,
  LINATTN_BF16 = 3,
  LINATTN_F64 = 4,
  LINATTN_BOOL = 5, /* one byte, 0 or 1 */
  LINATTN_I8 = 6,
  LINATTN_I16 = 7,
  LINATTN_I32 = 8,
  LINATTN_I64 = 9
} linattn_dtype;

/// What can be wrong with a call.
typedef enum linattn_code {
  LINATTN_OK = 0,
  LINATTN_BAD_CALL = 1,      /* number of tensors, or a null pointer */
  LINATTN_BAD_DTYPE = 2,     /* element type */
  LINATTN_BAD_RANK = 3,      /* rank */
  LINATTN_BAD_SIZE = 4,      /* size of a dimension */
  LINATTN_BAD_STRIDE = 5,    /* stride of a dimension */
  LINATTN_BAD_DATA = 6,      /* null or misaligned data */
  LINATTN_BAD_WORKSPACE = 7, /* workspace too small or null */
  LINATTN_CHECK_FAILED = 8   /* a check of the program itself */
} linattn_code;

/// A tensor in the caller's memory. Nothing is owned.
typedef struct linattn_tensor {
  void *data;                        /* the first element */
  int32_t dtype;                     /* linattn_dtype */
  int32_t rank;                      /* 0 to LINATTN_MAX_RANK */
  int64_t sizes[LINATTN_MAX_RANK];   /* in elements */
  int64_t strides[LINATTN_MAX_RANK]; /* in elements; the last one is 1 */
} linattn_tensor;

/// The outcome of a call.
typedef struct linattn_status {
  int32_t code;        /* linattn_code */
  const char *message; /* static text, "" on success */
} linattn_status;

/// Runs a function; the type of the symbol `f`. `args` lists its arguments,
/// then those results that are not written to an argument. Returns the code
/// that it writes to `status`, which may be null.
typedef int32_t (*linattn_function)(const linattn_tensor *args,
                                    int64_t num_args, void *workspace,
                                    int64_t workspace_size,
                                    linattn_status *status);

/// Fills in element type, rank, sizes and row-major strides of the results in
/// `args`, and the bytes of workspace that a call with these arguments needs;
/// the type of the symbol `f_query`. Reads no data.
typedef int32_t (*linattn_query)(linattn_tensor *args, int64_t num_args,
                                 int64_t *workspace_size,
                                 linattn_status *status);

/// How a program describes one tensor of a function.
typedef struct linattn_parameter {
  int64_t dtype; /* linattn_dtype */
  int64_t rank;
  int64_t inplace; /* the result that an argument receives, or -1 */
  int64_t sizes[LINATTN_MAX_RANK]; /* -1: any size */
} linattn_parameter;

/// How a program describes a function; the type of the object `f_signature`.
/// `parameters` holds the arguments, then the results, as in a call.
typedef struct linattn_signature {
  int64_t abi_version;
  int64_t num_arguments;
  int64_t num_results;
  linattn_parameter parameters[1]; /* num_arguments + num_results of them */
} linattn_signature;

#ifdef __cplusplus
}
#endif

#endif /* LINATTN_C_PROGRAM_H */
