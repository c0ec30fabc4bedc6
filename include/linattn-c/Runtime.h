//===- Runtime.h - loading and launching artifacts ----------------*- C -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime of compiled artifacts: load a file, ask what its functions take,
// and launch them on a CUDA stream or on the host. It needs neither a compiler
// nor the CUDA toolkit; libcuda.so.1 is opened when a GPU is prepared.
// docs/Artifact.md is the contract.
//
// Functions return LINATTN_OK or another code. Those that take a
// `linattn_error` also say there what was expected and what was given; it may
// be null.
//
// All functions may be called from several threads at once, except that an
// artifact must not be in use by another thread while it is unloaded.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_C_RUNTIME_H
#define LINATTN_C_RUNTIME_H

#include "linattn-c/Program.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The number of the host where a device is asked for. Other devices are
/// numbered as by the CUDA driver.
#define LINATTN_DEVICE_HOST (-1)

/// The alignment of a workspace in bytes.
#define LINATTN_WORKSPACE_ALIGNMENT 256

/// What can go wrong besides a `linattn_code`.
typedef enum linattn_runtime_code {
  LINATTN_BAD_FILE = 64,       /* the file cannot be read */
  LINATTN_BAD_ARTIFACT = 65,   /* not an artifact, truncated or malformed */
  LINATTN_BAD_VERSION = 66,    /* of another format or ABI version */
  LINATTN_BAD_CHECKSUM = 67,   /* corrupted */
  LINATTN_NO_DEVICE = 68,      /* no driver, or no such device */
  LINATTN_NO_CODE = 69,        /* no code for this device */
  LINATTN_NOT_PREPARED = 70,   /* the device was not prepared */
  LINATTN_NO_VARIANT = 71,     /* no variant of the plan admits the call */
  LINATTN_BAD_EXPRESSION = 72, /* overflow or division by zero in the plan */
  LINATTN_BAD_LAUNCH = 73,     /* grid, block, or tensor map out of range */
  LINATTN_DRIVER_ERROR = 74,   /* the CUDA driver reported an error */
  LINATTN_HOST_ERROR = 75      /* the host code cannot be loaded */
} linattn_runtime_code;

/// What went wrong, in words.
typedef struct linattn_error {
  int32_t code;      /* linattn_code or linattn_runtime_code */
  char message[508]; /* "" on success */
} linattn_error;

/// A loaded file. It owns all that the pointers below refer to.
typedef struct linattn_artifact linattn_artifact;

/// One function of an artifact.
typedef struct linattn_entry linattn_entry;

/// What a function expects of one of the tensors of a call.
typedef struct linattn_tensor_info {
  const char *name;
  int32_t dtype; /* linattn_dtype */
  int32_t rank;
  int32_t is_result; /* 1 if the tensor is a result, 0 if an argument */
  int32_t is_host;   /* 1 if the data is read on the host: a scalar by value */
  int64_t alignment; /* of the data, in bytes */
  int64_t sizes[LINATTN_MAX_RANK]; /* -1: any size, or given by a query */
} linattn_tensor_info;

/// Loads and checks a file, or a copy of `size` bytes in memory. Loads no code
/// onto a device yet.
int32_t linattn_artifact_load(const char *path, linattn_artifact **artifact,
                              linattn_error *error);
int32_t linattn_artifact_load_memory(const void *data, int64_t size,
                                     linattn_artifact **artifact,
                                     linattn_error *error);

/// Frees the artifact and the code that it has loaded. Launched work must be
/// complete. Null is allowed.
void linattn_artifact_unload(linattn_artifact *artifact);

/// Loads all code for `device` now, so that launches neither load nor allocate.
/// Does nothing if that is done already. On a GPU this uses the device's
/// primary context, the one that the CUDA runtime uses.
int32_t linattn_artifact_prepare(linattn_artifact *artifact, int32_t device,
                                 linattn_error *error);

/// The manifest: JSON text, null-terminated.
const char *linattn_artifact_manifest(const linattn_artifact *artifact);

/// The functions of an artifact. Null if there is none of this number or name.
int64_t linattn_artifact_num_entries(const linattn_artifact *artifact);
const linattn_entry *linattn_artifact_entry(const linattn_artifact *artifact,
                                            int64_t index);
const linattn_entry *linattn_artifact_find(const linattn_artifact *artifact,
                                           const char *name);

/// The name of a function.
const char *linattn_entry_name(const linattn_entry *entry);

/// The tensors of a call: the arguments, then those results that are not
/// written to an argument.
int64_t linattn_entry_num_tensors(const linattn_entry *entry);
int32_t linattn_entry_tensor(const linattn_entry *entry, int64_t index,
                             linattn_tensor_info *info);

/// All results of the function, and the tensor of a call that receives each:
/// an argument if the result is written in place. -1 if there is none.
int64_t linattn_entry_num_results(const linattn_entry *entry);
int64_t linattn_entry_result_tensor(const linattn_entry *entry, int64_t result);

/// 1 if the code for `device` holds this function and is loaded, else 0.
int32_t linattn_entry_is_ready(const linattn_entry *entry, int32_t device);

/// Checks the arguments in `tensors`, fills in element type, rank, sizes and
/// row-major strides of the results, and returns the bytes of workspace that a
/// launch with these arguments needs. Reads no data except scalars by value.
int32_t linattn_entry_query(const linattn_entry *entry, int32_t device,
                            linattn_tensor *tensors, int64_t num_tensors,
                            int64_t *workspace_size, linattn_error *error);

/// Checks the call, then launches it on `stream` (a CUstream; ignored on the
/// host, where the call returns when it is done). Allocates nothing, loads
/// nothing and waits for nothing, so it may be captured in a CUDA graph. If the
/// checks fail, nothing has been launched.
int32_t linattn_entry_launch(const linattn_entry *entry, int32_t device,
                             const linattn_tensor *tensors, int64_t num_tensors,
                             void *workspace, int64_t workspace_size,
                             void *stream, linattn_error *error);

/// The arguments of linattn_entry_launch in memory: callers to whom each
/// argument of a foreign function costs, like Python, keep this between calls.
typedef struct linattn_call {
  const linattn_entry *entry;
  const linattn_tensor *tensors;
  int64_t num_tensors;
  void *workspace;
  int64_t workspace_size;
  void *stream;
  linattn_error *error;
  int32_t device;
} linattn_call;
int32_t linattn_call_launch(const linattn_call *call);

#ifdef __cplusplus
}
#endif

#endif /* LINATTN_C_RUNTIME_H */
