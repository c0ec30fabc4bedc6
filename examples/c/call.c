/*===- call.c - call a function of an artifact ------------------*- C -*-===*
 *
 * Part of the linattn project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * Causal linear attention on the host, by the runtime alone:
 *
 *   linattn-compile examples/c/attention.mlir -o attention.lna
 *   cc examples/c/call.c -I<prefix>/include -L<prefix>/lib -llinattn_runtime -o
 * call
 *   ./call attention.lna
 *
 * On a GPU, prepare and launch on device 0, with tensors and workspace in its
 * memory and a CUstream: nothing else changes.
 *
 *===----------------------------------------------------------------------===*/

#include "linattn-c/Runtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 2, TOKENS = 100, HEADS = 3, DIM = 16 };
enum { ELEMENTS = BATCH * TOKENS * HEADS * DIM };

static void check(int32_t code, const linattn_error *error) {
  if (code == LINATTN_OK)
    return;
  fprintf(stderr, "error %d: %s\n", (int)code, error->message);
  exit(1);
}

static float *allocate(int64_t bytes) {
  /* The size of an aligned allocation is a multiple of the alignment. */
  int64_t alignment = LINATTN_WORKSPACE_ALIGNMENT;
  void *memory =
      aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
  if (!memory)
    exit(1);
  return memory;
}

/* A dense tensor [BATCH, TOKENS, HEADS, DIM]. */
static linattn_tensor make_tensor(float *data) {
  linattn_tensor tensor = {
      .data = data,
      .dtype = LINATTN_F32,
      .rank = 4,
      .sizes = {BATCH, TOKENS, HEADS, DIM},
      .strides = {TOKENS * HEADS * DIM, HEADS * DIM, DIM, 1}};
  return tensor;
}

static int64_t at(int b, int t, int h, int d) {
  return ((int64_t)(b * TOKENS + t) * HEADS + h) * DIM + d;
}

/* The largest difference to o_t = sum over s <= t of (q_t . k_s) v_s. */
static double compare(const float *q, const float *k, const float *v,
                      const float *o) {
  double worst = 0;
  for (int b = 0; b < BATCH; ++b)
    for (int h = 0; h < HEADS; ++h)
      for (int t = 0; t < TOKENS; ++t) {
        double expected[DIM] = {0};
        for (int s = 0; s <= t; ++s) {
          double product = 0;
          for (int d = 0; d < DIM; ++d)
            product += (double)q[at(b, t, h, d)] * k[at(b, s, h, d)];
          for (int d = 0; d < DIM; ++d)
            expected[d] += product * v[at(b, s, h, d)];
        }
        for (int d = 0; d < DIM; ++d)
          worst = fmax(worst, fabs(expected[d] - o[at(b, t, h, d)]));
      }
  return worst;
}

int main(int argc, char **argv) {
  linattn_error error;
  linattn_artifact *artifact;
  const int32_t device = LINATTN_DEVICE_HOST;
  if (argc != 2) {
    fprintf(stderr, "usage: %s attention.lna\n", argv[0]);
    return 1;
  }
  check(linattn_artifact_load(argv[1], &artifact, &error), &error);
  check(linattn_artifact_prepare(artifact, device, &error), &error);
  const linattn_entry *attention = linattn_artifact_find(artifact, "attention");
  if (!attention) {
    fprintf(stderr, "error: the artifact has no function 'attention'\n");
    return 1;
  }

  float *inputs[3];
  linattn_tensor tensors[4] = {{0}};
  for (int i = 0; i < 3; ++i) {
    inputs[i] = allocate(ELEMENTS * sizeof(float));
    for (int64_t j = 0; j < ELEMENTS; ++j)
      inputs[i][j] = (float)((j * 37 + i * 11) % 19 - 9) / 16;
    tensors[i] = make_tensor(inputs[i]);
  }

  /* The query fills in the result, all but its memory. */
  int64_t workspace_size;
  check(linattn_entry_query(attention, device, tensors, 4, &workspace_size,
                            &error),
        &error);
  printf(
      "attention: %lld bytes of workspace, result [%lld, %lld, %lld, %lld]\n",
      (long long)workspace_size, (long long)tensors[3].sizes[0],
      (long long)tensors[3].sizes[1], (long long)tensors[3].sizes[2],
      (long long)tensors[3].sizes[3]);
  float *output = allocate(ELEMENTS * sizeof(float));
  tensors[3].data = output;
  void *workspace = allocate(workspace_size);
  check(linattn_entry_launch(attention, device, tensors, 4, workspace,
                             workspace_size, /*stream=*/NULL, &error),
        &error);

  double worst = compare(inputs[0], inputs[1], inputs[2], output);
  printf("largest difference: %s\n", worst < 1e-3 ? "below 1e-3" : "too large");

  /* What is wrong with a call is said in words. */
  tensors[1].sizes[3] = DIM / 2;
  if (linattn_entry_launch(attention, device, tensors, 4, workspace,
                           workspace_size, NULL, &error) == LINATTN_OK)
    return 1;
  printf("refused: %s\n", error.message);

  free(workspace);
  free(output);
  for (int i = 0; i < 3; ++i)
    free(inputs[i]);
  linattn_artifact_unload(artifact);
  return worst < 1e-3 ? 0 : 1;
}
