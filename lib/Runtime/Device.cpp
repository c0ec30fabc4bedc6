//===- Device.cpp - loading code onto a GPU -------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Artifact.h"

#include <algorithm>
#include <cstdio>

using namespace linattn::runtime;
using namespace linattn::runtime::cuda;

ContextScope::ContextScope(const Driver &driver, Context context)
    : driver(driver) {
  Context current = nullptr;
  result = driver.contextGetCurrent(&current);
  if (result != kSuccess || current == context)
    return;
  result = driver.contextPush(context);
  pushed = result == kSuccess;
}

ContextScope::~ContextScope() {
  Context popped;
  if (pushed)
    driver.contextPop(&popped);
}

DeviceCode::~DeviceCode() {
  if (!context)
    return;
  {
    // Errors have no place to go to, and nothing that could be done about them.
    ContextScope scope(*driver, context);
    for (LoadedTarget &target : targets)
      for (Module module : target.modules)
        driver->moduleUnload(module);
    if (constants)
      driver->memoryFree(constants);
  }
  driver->primaryContextRelease(device);
}

namespace {
/// Loads the code of one artifact onto one device.
class DeviceLoader {
public:
  DeviceLoader(const linattn_artifact &artifact, DeviceCode &code,
               Diagnostic &diag)
      : artifact(artifact), code(code), diag(diag) {}

  bool load(int32_t number);

private:
  bool check(Result result, const char *what) {
    return result == kSuccess || code.driver->fail(diag, result, what);
  }
  bool openDevice(int32_t number);
  bool choosePlans();
  bool failNoCode();
  bool loadConstants();
  Result loadImage(const Image &image, std::vector<Module> &modules,
                   bool isLast);
  bool loadTarget(int64_t index);
  bool loadKernel(Module module, int64_t target, int64_t kernel);
  bool checkParameters(KernelHandle function, const Function &owner,
                       const Launch &launch, const Kernel &kernel);
  bool checkLaunches();

  const linattn_artifact &artifact;
  DeviceCode &code;
  Diagnostic &diag;
};
} // namespace

bool DeviceLoader::openDevice(int32_t number) {
  int count = 0;
  if (!check(code.driver->deviceGetCount(&count), "cuDeviceGetCount"))
    return false;
  if (number >= count)
    return diag.fail(LINATTN_NO_DEVICE,
                     "expected the number of one of %d GPUs, but got %d", count,
                     number);
  int major = 0, minor = 0;
  if (!check(code.driver->deviceGet(&code.device, number), "cuDeviceGet") ||
      !check(code.driver->deviceGetAttribute(&code.smCount,
                                             kMultiprocessorCount, code.device),
             "cuDeviceGetAttribute") ||
      !check(code.driver->deviceGetAttribute(&major, kCapabilityMajor,
                                             code.device),
             "cuDeviceGetAttribute") ||
      !check(code.driver->deviceGetAttribute(&minor, kCapabilityMinor,
                                             code.device),
             "cuDeviceGetAttribute"))
    return false;
  code.number = number;
  code.capability = 10 * major + minor;
  return true;
}

bool DeviceLoader::failNoCode() {
  std::string archs;
  for (const Target &target : artifact.manifest.targets)
    for (const Image &image : target.images)
      archs += (archs.empty() ? "" : ", ") + image.arch.name;
  return diag.fail(LINATTN_NO_CODE,
                   "the artifact holds code for %.200s, but device %d has "
                   "compute capability %d.%d",
                   archs.empty() ? "no GPU" : archs.c_str(), code.number,
                   code.capability / 10, code.capability % 10);
}

/// Each function uses its first plan that runs here.
bool DeviceLoader::choosePlans() {
  const Manifest &manifest = artifact.manifest;
  bool any = false;
  for (const Function &function : manifest.functions) {
    int64_t chosen = -1;
    for (size_t i = 0; i < function.plans.size() && chosen < 0; ++i)
      for (const Image &image :
           manifest.targets[function.plans[i].target].images)
        if (image.arch.runsOn(code.capability))
          chosen = i;
    code.plans.push_back(chosen);
    any |= chosen >= 0;
  }
  return any || failNoCode();
}

bool DeviceLoader::loadConstants() {
  int64_t index = artifact.manifest.constantsBlob;
  if (index < 0)
    return true;
  code.constantsBytes = artifact.manifest.blobs[index].size;
  return check(
             code.driver->memoryAllocate(&code.constants, code.constantsBytes),
             "cuMemAlloc") &&
         check(code.driver->copyToDevice(code.constants,
                                         artifact.getBlob(index),
                                         code.constantsBytes),
               "cuMemcpyHtoD");
}

Result DeviceLoader::loadImage(const Image &image, std::vector<Module> &modules,
                               bool isLast) {
  for (int64_t blob : image.blobs) {
    char log[320] = "";
    int options[] = {kErrorLogBuffer, kErrorLogSize};
    void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
    Module module = nullptr;
    Result result = code.driver->moduleLoad(&module, artifact.getBlob(blob), 2,
                                            options, values);
    if (result == kSuccess) {
      modules.push_back(module);
      continue;
    }
    // Blobs of an image are for one architecture, so the first says it of all.
    if (result == kNoBinary && !isLast && modules.empty())
      return result;
    std::string what = "loading the code for " + image.arch.name;
    if (log[0])
      what += std::string(" (") + log + ")";
    code.driver->fail(diag, result, what.c_str());
    return result;
  }
  return kSuccess;
}

bool DeviceLoader::loadKernel(Module module, int64_t target, int64_t index) {
  const Kernel &kernel = artifact.manifest.targets[target].kernels[index];
  KernelHandle function = nullptr;
  Result result =
      code.driver->moduleGetFunction(&function, module, kernel.name.c_str());
  std::string what = "loading the kernel " + kernel.name;
  if (!check(result, what.c_str()))
    return false;
  // With lazy loading, the code would else be loaded by the first launch.
  if (code.driver->functionLoad &&
      !check(code.driver->functionLoad(function), what.c_str()))
    return false;
  // Up to 48 KB need no permission.
  if (kernel.maxSharedMemory > 48 * 1024 &&
      !check(code.driver->functionSetAttribute(
                 function, kMaxDynamicSharedMemory,
                 static_cast<int>(kernel.maxSharedMemory)),
             ("asking for shared memory for " + kernel.name).c_str()))
    return false;
  if (kernel.nonPortableCluster &&
      !check(code.driver->functionSetAttribute(
                 function, kNonPortableClusterSizeAllowed, 1),
             ("asking for large clusters for " + kernel.name).c_str()))
    return false;
  code.targets[target].kernels.push_back(function);
  return true;
}

bool DeviceLoader::loadTarget(int64_t index) {
  const Target &target = artifact.manifest.targets[index];
  std::vector<const Image *> images;
  for (const Image &image : target.images)
    if (image.arch.runsOn(code.capability))
      images.push_back(&image);
  std::vector<Module> &modules = code.targets[index].modules;
  for (size_t i = 0; i < images.size(); ++i) {
    Result result = loadImage(*images[i], modules, i + 1 == images.size());
    if (result == kSuccess)
      break;
    if (diag.getCode() != LINATTN_OK)
      return false;
  }
  for (size_t i = 0; i < target.kernels.size(); ++i)
    if (!loadKernel(modules[modules.size() == 1 ? 0 : i], index, i))
      return false;
  return true;
}

/// Compares the parameters that the manifest passes with those of the kernel.
bool DeviceLoader::checkParameters(KernelHandle function, const Function &owner,
                                   const Launch &launch, const Kernel &kernel) {
  size_t offset, bytes, count = launch.parameters.size();
  for (size_t i = 0; i <= count; ++i) {
    Result result =
        code.driver->functionGetParameter(function, i, &offset, &bytes);
    bool isEnd = result == kInvalidValue;
    if (!isEnd && !check(result, "cuFuncGetParamInfo"))
      return false;
    if (isEnd != (i == count))
      return diag.fail(LINATTN_BAD_ARTIFACT,
                       "function '%s': the kernel %s expects %s than %zu "
                       "parameters",
                       owner.name.c_str(), kernel.name.c_str(),
                       isEnd ? "fewer" : "more", count);
    if (!isEnd && bytes != static_cast<size_t>(launch.parameters[i].bytes))
      return diag.fail(LINATTN_BAD_ARTIFACT,
                       "function '%s': the kernel %s expects %zu bytes for "
                       "parameter %zu, but the manifest passes %lld",
                       owner.name.c_str(), kernel.name.c_str(), bytes, i,
                       static_cast<long long>(launch.parameters[i].bytes));
  }
  return true;
}

bool DeviceLoader::checkLaunches() {
  if (!code.driver->functionGetParameter)
    return true;
  const Manifest &manifest = artifact.manifest;
  for (size_t i = 0; i < manifest.functions.size(); ++i) {
    const Function &function = manifest.functions[i];
    if (code.plans[i] < 0)
      continue;
    const Plan &plan = function.plans[code.plans[i]];
    for (const Variant &variant : plan.variants)
      for (const Launch &launch : variant.launches)
        if (!checkParameters(
                code.targets[plan.target].kernels[launch.kernel], function,
                launch, manifest.targets[plan.target].kernels[launch.kernel]))
          return false;
  }
  return true;
}

bool DeviceLoader::load(int32_t number) {
  code.driver = getDriver(diag);
  if (!code.driver || !openDevice(number) || !choosePlans())
    return false;
  Context context = nullptr;
  if (!check(code.driver->primaryContextRetain(&context, code.device),
             "cuDevicePrimaryCtxRetain"))
    return false;
  code.context = context;
  ContextScope scope(*code.driver, context);
  if (!check(scope.getResult(), "cuCtxPushCurrent") || !loadConstants())
    return false;
  code.targets.resize(artifact.manifest.targets.size());
  for (size_t i = 0; i < code.plans.size(); ++i) {
    if (code.plans[i] < 0)
      continue;
    int64_t target = artifact.manifest.functions[i].plans[code.plans[i]].target;
    if (code.targets[target].modules.empty() && !loadTarget(target))
      return false;
  }
  return checkLaunches();
}

std::unique_ptr<DeviceCode>
linattn::runtime::loadDeviceCode(const linattn_artifact &artifact,
                                 int32_t device, Diagnostic &diag) {
  auto code = std::make_unique<DeviceCode>();
  if (!DeviceLoader(artifact, *code, diag).load(device))
    return nullptr;
  return code;
}
