//===- CudaDevice.cpp - memory of a GPU -----------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/CudaDevice.h"

#include "llvm/Support/Process.h"

using namespace mlir;
using namespace mlir::linattn;

// Values of CUdevice_attribute.
static constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;

/// Calls a function of the driver by its name.
template <typename... Args>
llvm::Error CudaDevice::call(const char *name, Args... args) {
  auto *function =
      reinterpret_cast<int (*)(Args...)>(library.getAddressOfSymbol(name));
  if (!function)
    return llvm::createStringError(
        "the CUDA driver lacks %s; expected a driver for CUDA 12 or later",
        name);
  int result = function(args...);
  if (result == 0)
    return llvm::Error::success();
  auto *getText = reinterpret_cast<int (*)(int, const char **)>(
      library.getAddressOfSymbol("cuGetErrorString"));
  const char *text = nullptr;
  if (getText)
    getText(result, &text);
  return llvm::createStringError("%s failed with error %d: %s", name, result,
                                 text ? text : "unknown");
}

llvm::Expected<std::unique_ptr<CudaDevice>> CudaDevice::open(int number) {
  std::unique_ptr<CudaDevice> device(new CudaDevice(number));
  // As in the runtime, a variable names another library for tests.
  std::string path =
      llvm::sys::Process::GetEnv("LINATTN_LIBCUDA").value_or("libcuda.so.1");
  std::string message;
  device->library =
      llvm::sys::DynamicLibrary::getPermanentLibrary(path.c_str(), &message);
  if (!device->library.isValid())
    return llvm::createStringError(
        "found no CUDA driver on this machine, which --target=cuda needs: %s",
        message.c_str());
  int count = 0, major = 0, minor = 0;
  if (llvm::Error error = device->call("cuInit", 0u))
    return std::move(error);
  if (llvm::Error error = device->call("cuDeviceGetCount", &count))
    return std::move(error);
  if (number >= count)
    return llvm::createStringError("expected a GPU with the number %d, but the "
                                   "CUDA driver has %d",
                                   number, count);
  if (llvm::Error error = device->call("cuDeviceGet", &device->handle, number))
    return std::move(error);
  for (auto [attribute, value] :
       {std::pair(kCapabilityMajor, &major), {kCapabilityMinor, &minor}})
    if (llvm::Error error = device->call("cuDeviceGetAttribute", value,
                                         attribute, device->handle))
      return std::move(error);
  device->capability = 10 * major + minor;
  void *context = nullptr;
  if (llvm::Error error =
          device->call("cuDevicePrimaryCtxRetain", &context, device->handle))
    return std::move(error);
  device->hasContext = true;
  if (llvm::Error error = device->call("cuCtxPushCurrent_v2", context))
    return std::move(error);
  return std::move(device);
}

CudaDevice::~CudaDevice() {
  for (uint64_t address : allocations)
    llvm::consumeError(call("cuMemFree_v2", address));
  if (hasContext)
    llvm::consumeError(call("cuDevicePrimaryCtxRelease_v2", handle));
}

llvm::Expected<void *> CudaDevice::allocate(int64_t bytes) {
  uint64_t address = 0;
  if (bytes == 0)
    return nullptr;
  if (llvm::Error error =
          call("cuMemAlloc_v2", &address, static_cast<size_t>(bytes)))
    return std::move(error);
  allocations.push_back(address);
  return reinterpret_cast<void *>(address);
}

llvm::Error CudaDevice::copyTo(void *device, const void *host, int64_t bytes) {
  if (bytes == 0)
    return llvm::Error::success();
  return call("cuMemcpyHtoD_v2", reinterpret_cast<uint64_t>(device), host,
              static_cast<size_t>(bytes));
}

llvm::Error CudaDevice::copyFrom(void *host, const void *device,
                                 int64_t bytes) {
  if (bytes == 0)
    return llvm::Error::success();
  return call("cuMemcpyDtoH_v2", host, reinterpret_cast<uint64_t>(device),
              static_cast<size_t>(bytes));
}

llvm::Error CudaDevice::synchronize() { return call("cuCtxSynchronize"); }
