//===- Driver.cpp - the CUDA driver, opened at run time -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>

using namespace linattn::runtime;
using namespace linattn::runtime::cuda;

bool Driver::fail(Diagnostic &diag, Result result, const char *what) const {
  const char *name = nullptr, *text = nullptr;
  if (getErrorName(result, &name) != kSuccess || !name)
    name = "unknown error";
  if (getErrorString(result, &text) != kSuccess || !text)
    text = "no description";
  return diag.fail(LINATTN_DRIVER_ERROR, "%s: the CUDA driver says %s (%d): %s",
                   what, name, result, text);
}

namespace {
/// The driver, or why there is none.
struct OpenedDriver {
  Driver driver = {};
  bool isOpen = false;
  char problem[384] = "";

  OpenedDriver();
};
} // namespace

template <typename T>
static bool lookUp(void *library, const char *name, T &function) {
  function = reinterpret_cast<T>(dlsym(library, name));
  return function;
}

OpenedDriver::OpenedDriver() {
  const char *path = secure_getenv("LINATTN_LIBCUDA");
  if (!path)
    path = "libcuda.so.1";
  // The driver stays open: it does not support being closed.
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *error = dlerror();
    snprintf(problem, sizeof(problem),
             "found no CUDA driver: %s; a GPU needs NVIDIA's driver, the "
             "device LINATTN_DEVICE_HOST none",
             error ? error : path);
    return;
  }
  const char *missing = nullptr;
  auto require = [&](const char *name, auto &function) {
    if (!lookUp(library, name, function) && !missing)
      missing = name;
  };
  require("cuInit", driver.init);
  require("cuGetErrorName", driver.getErrorName);
  require("cuGetErrorString", driver.getErrorString);
  require("cuDeviceGetCount", driver.deviceGetCount);
  require("cuDeviceGet", driver.deviceGet);
  require("cuDeviceGetAttribute", driver.deviceGetAttribute);
  require("cuDevicePrimaryCtxRetain", driver.primaryContextRetain);
  require("cuDevicePrimaryCtxRelease_v2", driver.primaryContextRelease);
  require("cuCtxGetCurrent", driver.contextGetCurrent);
  require("cuCtxPushCurrent_v2", driver.contextPush);
  require("cuCtxPopCurrent_v2", driver.contextPop);
  require("cuMemAlloc_v2", driver.memoryAllocate);
  require("cuMemFree_v2", driver.memoryFree);
  require("cuMemcpyHtoD_v2", driver.copyToDevice);
  require("cuModuleLoadDataEx", driver.moduleLoad);
  require("cuModuleUnload", driver.moduleUnload);
  require("cuModuleGetFunction", driver.moduleGetFunction);
  require("cuFuncSetAttribute", driver.functionSetAttribute);
  require("cuLaunchKernelEx", driver.launch);
  require("cuTensorMapEncodeTiled", driver.encodeTiled);
  lookUp(library, "cuFuncLoad", driver.functionLoad);
  lookUp(library, "cuFuncGetParamInfo", driver.functionGetParameter);
  if (missing) {
    snprintf(problem, sizeof(problem),
             "the CUDA driver %s lacks %s; expected a driver for CUDA 12 or "
             "later",
             path, missing);
    return;
  }
  if (Result result = driver.init(0)) {
    linattn_error error;
    Diagnostic diag(&error);
    driver.fail(diag, result, "cuInit");
    snprintf(problem, sizeof(problem), "%.380s", error.message);
    return;
  }
  isOpen = true;
}

const Driver *linattn::runtime::cuda::getDriver(Diagnostic &diag) {
  static const OpenedDriver opened;
  if (opened.isOpen)
    return &opened.driver;
  diag.fail(LINATTN_NO_DEVICE, "%s", opened.problem);
  return nullptr;
}
