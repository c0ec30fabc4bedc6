/*===- call.c - calls a compiled function, well and badly
------------------===*\
|*
|* Part of the linattn project, under the Apache License v2.0 with LLVM
|* Exceptions. See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "linattn-c/Program.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { Q, S, COUNT, O, NEXT, NUM_TENSORS };
enum { ROWS = 3, COLUMNS = 4 };

static linattn_function step;
static linattn_query step_query;
static const linattn_signature *signature;

static float q[ROWS][COLUMNS], s[ROWS][COLUMNS], o[ROWS][COLUMNS];
static int32_t count, next;
static void *workspace;
static int64_t workspace_size;
static int failures, checks;

static void expect(int condition, const char *what) {
  ++checks;
  if (condition)
    return;
  ++failures;
  printf("FAILED: %s\n", what);
}

static linattn_tensor make_matrix(float (*data)[COLUMNS]) {
  linattn_tensor tensor = {0};
  tensor.data = data;
  tensor.dtype = LINATTN_F32;
  tensor.rank = 2;
  tensor.sizes[0] = ROWS;
  tensor.sizes[1] = COLUMNS;
  tensor.strides[0] = COLUMNS;
  tensor.strides[1] = 1;
  return tensor;
}

static linattn_tensor make_scalar(int32_t *data) {
  linattn_tensor tensor = {0};
  tensor.data = data;
  tensor.dtype = LINATTN_I32;
  return tensor;
}

static void make_good(linattn_tensor *args) {
  args[Q] = make_matrix(q);
  args[S] = make_matrix(s);
  args[COUNT] = make_scalar(&count);
  args[O] = make_matrix(o);
  args[NEXT] = make_scalar(&next);
}

/* Expects a call with `args` to fail with `code`. */
static void expect_failure(linattn_tensor *args, int32_t code,
                           const char *message) {
  linattn_status status = {-1, NULL};
  int32_t returned =
      step(args, NUM_TENSORS, workspace, workspace_size, &status);
  expect(returned == code && status.code == code, message);
  expect(status.message && strcmp(status.message, message) == 0, message);
  if (returned != code || strcmp(status.message, message) != 0)
    printf("  got %d: %s\n", returned, status.message);
}

static void test_signature(void) {
  expect(signature->abi_version == LINATTN_ABI_VERSION, "ABI version");
  expect(signature->num_arguments == 3, "number of arguments");
  expect(signature->num_results == 2, "number of results");
  const linattn_parameter *state = &signature->parameters[S];
  expect(state->dtype == LINATTN_F32 && state->rank == 2, "type of the state");
  expect(state->sizes[0] == -1 && state->sizes[1] == 4, "sizes of the state");
  expect(state->inplace == 1, "the state is result 1");
  expect(signature->parameters[Q].inplace == -1, "q is not written");
}

static void test_query(void) {
  linattn_tensor args[NUM_TENSORS];
  linattn_status status = {-1, NULL};
  make_good(args);
  /* Neither data nor strides of arguments, nothing of results, is read. */
  args[Q].data = args[S].data = NULL;
  memset(&args[O], 0xff, sizeof(args[O]));
  memset(&args[NEXT], 0xff, sizeof(args[NEXT]));
  int32_t code = step_query(args, NUM_TENSORS, &workspace_size, &status);
  expect(code == LINATTN_OK && status.code == LINATTN_OK, "query succeeds");
  expect(strcmp(status.message, "") == 0, "no message on success");
  expect(args[O].dtype == LINATTN_F32 && args[O].rank == 2, "type of o");
  expect(args[O].sizes[0] == ROWS && args[O].sizes[1] == COLUMNS, "sizes of o");
  expect(args[O].strides[0] == COLUMNS && args[O].strides[1] == 1,
         "strides of o");
  expect(args[NEXT].dtype == LINATTN_I32 && args[NEXT].rank == 0,
         "type of next");
  expect(workspace_size > 0, "there is a temporary");
  workspace = malloc(workspace_size);

  make_good(args);
  args[S].sizes[0] = 2;
  code = step_query(args, NUM_TENSORS, &workspace_size, &status);
  expect(code == LINATTN_CHECK_FAILED, "the query compares sizes");
  code = step_query(args, NUM_TENSORS, NULL, &status);
  expect(code == LINATTN_BAD_CALL, "the query needs where to write");
  code = step_query(args, 1, &workspace_size, NULL);
  expect(code == LINATTN_BAD_CALL, "the query counts tensors");
}

static void test_good_calls(void) {
  linattn_tensor args[NUM_TENSORS];
  linattn_status status = {-1, NULL};
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < COLUMNS; ++j) {
      q[i][j] = (float)(i + 1);
      s[i][j] = (float)j;
    }
  count = 41;
  make_good(args);
  expect(step(args, NUM_TENSORS, workspace, workspace_size, &status) == 0,
         "a good call succeeds");
  int right = next == 42;
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < COLUMNS; ++j) {
      float expected = 2 * (float)(i + 1) + (float)j;
      right &= s[i][j] == expected && o[i][j] == (float)(i + 1) * expected;
    }
  expect(right, "a good call is right");
  expect(step(args, NUM_TENSORS, workspace, workspace_size, NULL) == 0,
         "the status may be null");

  /* Rows in reverse order, apart from each other. */
  float apart[ROWS][2 * COLUMNS] = {{0}};
  apart[1][0] = 5;
  args[Q].data = apart[2];
  args[Q].strides[0] = -2 * COLUMNS;
  memset(s, 0, sizeof(s));
  expect(step(args, NUM_TENSORS, workspace, workspace_size, &status) == 0,
         "negative strides are good");
  expect(o[0][0] == 0 && o[1][0] == 50 && s[1][0] == 10, "strides are used");

  /* An empty tensor needs no data. */
  for (int i = 0; i < NUM_TENSORS; ++i)
    if (i != COUNT && i != NEXT) {
      args[i].sizes[0] = 0;
      args[i].data = NULL;
    }
  expect(step(args, NUM_TENSORS, workspace, workspace_size, &status) == 0,
         "empty tensors are good");
}

static void test_bad_calls(void) {
  linattn_tensor args[NUM_TENSORS];
  linattn_status status = {-1, NULL};
  make_good(args);
  expect(step(NULL, NUM_TENSORS, workspace, workspace_size, &status) ==
             LINATTN_BAD_CALL,
         "no tensors");
  expect(step(args, 4, workspace, workspace_size, &status) == LINATTN_BAD_CALL,
         "too few tensors");
  expect(step(args, NUM_TENSORS, workspace, workspace_size - 1, &status) ==
             LINATTN_BAD_WORKSPACE,
         "a small workspace");
  expect(step(args, NUM_TENSORS, NULL, workspace_size, &status) ==
             LINATTN_BAD_WORKSPACE,
         "a null workspace");

  args[Q].dtype = LINATTN_F16;
  expect_failure(args, LINATTN_BAD_DTYPE,
                 "argument 0: expects f32 elements (linattn_dtype 1)");
  make_good(args);
  args[COUNT].rank = 1;
  expect_failure(args, LINATTN_BAD_RANK, "argument 2: expects rank 0");
  make_good(args);
  args[Q].rank = 100;
  expect_failure(args, LINATTN_BAD_RANK, "argument 0: expects rank 2");
  make_good(args);
  args[S].sizes[1] = 5;
  expect_failure(args, LINATTN_BAD_SIZE,
                 "argument 1: expects size 4 in dimension 1");
  make_good(args);
  args[Q].sizes[0] = -1;
  expect_failure(
      args, LINATTN_BAD_SIZE,
      "argument 0: expects a size from 0 to 2^48 - 1 in dimension 0");
  make_good(args);
  args[O].sizes[0] = 2;
  expect_failure(
      args, LINATTN_BAD_SIZE,
      "result 0: expects the size that the arguments imply in dimension 0");
  make_good(args);
  args[Q].strides[1] = 2;
  expect_failure(args, LINATTN_BAD_STRIDE,
                 "argument 0: expects stride 1 in dimension 1");
  make_good(args);
  args[S].strides[0] = 0;
  expect_failure(args, LINATTN_BAD_STRIDE,
                 "argument 1: expects a stride other than 0 in dimension 0");
  make_good(args);
  args[Q].data = NULL;
  expect_failure(args, LINATTN_BAD_DATA, "argument 0: expects data, not null");
  make_good(args);
  args[NEXT].data = NULL;
  expect_failure(args, LINATTN_BAD_DATA, "result 2: expects data, not null");
  make_good(args);
  args[Q].data = (char *)q + 1;
  expect_failure(args, LINATTN_BAD_DATA,
                 "argument 0: expects data aligned to 4 bytes");
  make_good(args);
  args[S].sizes[0] = 2;
  expect_failure(args, LINATTN_CHECK_FAILED,
                 "expects as many rows in s as in q");
  make_good(args);
  count = -1;
  expect_failure(args, LINATTN_CHECK_FAILED,
                 "expects a count that is not negative");
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) {
    printf("cannot load: %s\n", argc == 2 ? dlerror() : "no library given");
    return 1;
  }
  step = (linattn_function)dlsym(library, "step");
  step_query = (linattn_query)dlsym(library, "step_query");
  signature = (const linattn_signature *)dlsym(library, "step_signature");
  if (!step || !step_query || !signature) {
    printf("a symbol is missing\n");
    return 1;
  }
  test_signature();
  test_query();
  test_good_calls();
  test_bad_calls();
  free(workspace);
  printf("%d checks, %d failed\n", checks, failures);
  return failures != 0;
}
