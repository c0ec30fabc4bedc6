/*===- exchange.c - an exporter of arrays, for tests of the runtime --------===*
 *
 * Part of the linattn project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * DLPack's C exchange API for Python objects whose attribute "described" is the
 * address of a DLTensor. Objects without it raise an AttributeError.
 *
 *===----------------------------------------------------------------------===*/

#include "dlpack.h"

#include <stddef.h>

/* Python's, which loads this. */
void *PyObject_GetAttrString(void *object, const char *name);
void *PyLong_AsVoidPtr(void *object);
void Py_DecRef(void *object);

int64_t num_described = 0;

static int describe(void *object, DLTensor *out) {
  void *address = PyObject_GetAttrString(object, "described");
  if (!address)
    return -1;
  *out = *(DLTensor *)PyLong_AsVoidPtr(address);
  Py_DecRef(address);
  ++num_described;
  return 0;
}

static int get_stream(int32_t device_type, int32_t device_id, void **stream) {
  *stream = NULL;
  return 0;
}

DLPackExchangeAPI current = {{1, 3, NULL}, NULL,     NULL,
                             NULL,         describe, get_stream};
DLPackExchangeAPI newer = {
    {2, 0, &current.header}, NULL, NULL, NULL, NULL, NULL};
DLPackExchangeAPI unknown = {{2, 0, NULL}, NULL,     NULL,
                             NULL,         describe, get_stream};
DLPackExchangeAPI early = {{1, 1, NULL}, NULL,     NULL,
                           NULL,         describe, get_stream};
DLPackExchangeAPI without_describe = {{1, 3, NULL}, NULL, NULL,
                                      NULL,         NULL, get_stream};
DLPackExchangeAPI without_stream = {{1, 3, NULL}, NULL,     NULL,
                                    NULL,         describe, NULL};
