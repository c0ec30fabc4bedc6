/*===- host.c - host code with the C ABI, for tests of the runtime ---------===*
 *
 * Part of the linattn project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * saxpy: y += a * x in place, and twice: a new tensor, with 8 bytes of
 * workspace for no reason.
 *
 *===----------------------------------------------------------------------===*/

#include "linattn-c/Program.h"

static int32_t leave(linattn_status *status, int32_t code,
                     const char *message) {
  if (status) {
    status->code = code;
    status->message = message;
  }
  return code;
}

const struct {
  int64_t head[3];
  linattn_parameter parameters[3];
} saxpy_signature = {{LINATTN_ABI_VERSION, 3, 0},
                     {{LINATTN_F32, 0, -1, {0}},
                      {LINATTN_F32, 1, -1, {-1}},
                      {LINATTN_F32, 1, 0, {-1}}}};

int32_t saxpy(const linattn_tensor *args, int64_t num_args, void *workspace,
              int64_t workspace_size, linattn_status *status) {
  const float *a = args[0].data, *x = args[1].data;
  float *y = args[2].data;
  for (int64_t i = 0; i < args[1].sizes[0]; ++i)
    y[i] += *a * x[i * args[1].strides[0]];
  return leave(status, LINATTN_OK, "");
}

int32_t saxpy_query(linattn_tensor *args, int64_t num_args,
                    int64_t *workspace_size, linattn_status *status) {
  *workspace_size = 0;
  return leave(status, LINATTN_OK, "");
}

const struct {
  int64_t head[3];
  linattn_parameter parameters[2];
} twice_signature = {{LINATTN_ABI_VERSION, 1, 1},
                     {{LINATTN_F32, 1, -1, {-1}}, {LINATTN_F32, 1, -1, {-1}}}};

int32_t twice(const linattn_tensor *args, int64_t num_args, void *workspace,
              int64_t workspace_size, linattn_status *status) {
  if (workspace_size < 8 || !workspace)
    return leave(status, LINATTN_BAD_WORKSPACE,
                 "expects a workspace of 8 bytes");
  *(double *)workspace = 2;
  for (int64_t i = 0; i < args[0].sizes[0]; ++i)
    ((float *)args[1].data)[i] =
        ((const float *)args[0].data)[i] * (float)*(double *)workspace;
  return leave(status, LINATTN_OK, "");
}

int32_t twice_query(linattn_tensor *args, int64_t num_args,
                    int64_t *workspace_size, linattn_status *status) {
  *workspace_size = 8;
  args[1].dtype = LINATTN_F32;
  args[1].rank = 1;
  args[1].sizes[0] = args[0].sizes[0];
  args[1].strides[0] = 1;
  return leave(status, LINATTN_OK, "");
}
