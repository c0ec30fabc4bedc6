/* Part of the linattn project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A CUDA driver whose device is this process, and whose only kernel adds one
 * vector to another: enough to see arrays travel. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int cuInit(unsigned flags) { return 0; }
int cuGetErrorName(int error, const char **text) {
  *text = "CUDA_ERROR_TEST";
  return 0;
}
int cuGetErrorString(int error, const char **text) {
  *text = "an error of the test";
  return 0;
}
int cuDeviceGetCount(int *count) {
  *count = getenv("TEST_NO_DEVICE") ? 0 : 1;
  return 0;
}
int cuDeviceGet(int *device, int number) {
  *device = number;
  return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  const char *capability = getenv("TEST_CAPABILITY");
  int number = capability ? atoi(capability) : 90;
  *value = attribute == 75 ? number / 10 : attribute == 76 ? number % 10 : 132;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  *context = malloc(1);
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuCtxGetCurrent(void **context) {
  *context = 0;
  return 0;
}
int cuCtxPushCurrent_v2(void *context) { return 0; }
int cuCtxPopCurrent_v2(void **context) { return 0; }
int cuCtxSynchronize(void) { return getenv("TEST_FAULT") ? 700 : 0; }
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  *address = (uint64_t)aligned_alloc(256, (bytes + 255) / 256 * 256);
  return 0;
}
int cuMemFree_v2(uint64_t address) {
  free((void *)address);
  return 0;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  memcpy((void *)to, from, bytes);
  return 0;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  memcpy(to, (const void *)from, bytes);
  return 0;
}
int cuModuleLoadDataEx(void **module, const void *image, unsigned count,
                       int *options, void **values) {
  *module = malloc(1);
  return 0;
}
int cuModuleUnload(void *module) {
  free(module);
  return 0;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = 0;
  return strcmp(name, "add_0") ? 500 : 0;
}
int cuFuncSetAttribute(void *function, int attribute, int value) { return 0; }
int cuTensorMapEncodeTiled(void *map, ...) { return 1; }

/* The numbers of elements, then twice an address and a stride. */
int cuLaunchKernelEx(const void *config, void *function, void **parameters,
                     void **extra) {
  int64_t count = *(int64_t *)parameters[0];
  const float *from = *(const float **)parameters[1];
  int64_t fromStride = *(int64_t *)parameters[2];
  float *to = *(float **)parameters[3];
  int64_t toStride = *(int64_t *)parameters[4];
  for (int64_t i = 0; i < count; ++i)
    to[i * toStride] += from[i * fromStride];
  return 0;
}
