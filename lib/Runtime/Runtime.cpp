//===- Runtime.cpp - the C API of the runtime -----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"

#include <cstring>

using namespace linattn::runtime;

//===----------------------------------------------------------------------===//
// Preparing devices
//===----------------------------------------------------------------------===//

static bool checkDevice(int32_t device, Diagnostic &diag) {
  if (device >= LINATTN_DEVICE_HOST && device < kMaxDevices)
    return true;
  return diag.fail(LINATTN_NO_DEVICE,
                   "expected a device of %d (the host) to %d, but got %d",
                   LINATTN_DEVICE_HOST, kMaxDevices - 1, device);
}

int32_t linattn_artifact_prepare(linattn_artifact *artifact, int32_t device,
                                 linattn_error *error) {
  Diagnostic diag(error);
  if (!artifact) {
    diag.fail(LINATTN_BAD_CALL, "expected an artifact, not null");
    return diag.getCode();
  }
  if (!checkDevice(device, diag))
    return diag.getCode();
  std::lock_guard<std::mutex> lock(artifact->mutex);
  if (device == LINATTN_DEVICE_HOST) {
    if (!artifact->host.load(std::memory_order_relaxed))
      if (auto code = loadHostCode(*artifact, diag))
        artifact->host.store(code.release(), std::memory_order_release);
    return diag.getCode();
  }
  std::atomic<DeviceCode *> &slot = artifact->devices[device];
  if (!slot.load(std::memory_order_relaxed))
    if (auto code = loadDeviceCode(*artifact, device, diag))
      slot.store(code.release(), std::memory_order_release);
  return diag.getCode();
}

//===----------------------------------------------------------------------===//
// Descriptions
//===----------------------------------------------------------------------===//

const char *linattn_artifact_manifest(const linattn_artifact *artifact) {
  return artifact->manifestText.c_str();
}

int64_t linattn_artifact_num_entries(const linattn_artifact *artifact) {
  return artifact->entries.size();
}

const linattn_entry *linattn_artifact_entry(const linattn_artifact *artifact,
                                            int64_t index) {
  if (index < 0 || index >= linattn_artifact_num_entries(artifact))
    return nullptr;
  return &artifact->entries[index];
}

const linattn_entry *linattn_artifact_find(const linattn_artifact *artifact,
                                           const char *name) {
  for (const linattn_entry &entry : artifact->entries)
    if (entry.getFunction().name == name)
      return &entry;
  return nullptr;
}

const char *linattn_entry_name(const linattn_entry *entry) {
  return entry->getFunction().name.c_str();
}

int64_t linattn_entry_num_tensors(const linattn_entry *entry) {
  return entry->getFunction().tensors.size();
}

int32_t linattn_entry_tensor(const linattn_entry *entry, int64_t index,
                             linattn_tensor_info *info) {
  if (index < 0 || index >= linattn_entry_num_tensors(entry))
    return LINATTN_BAD_CALL;
  const TensorRule &rule = entry->getFunction().tensors[index];
  *info = {};
  info->name = rule.name.c_str();
  info->dtype = rule.dtype;
  info->rank = rule.rank;
  info->is_result = rule.isResult;
  info->is_host = rule.isHost;
  info->alignment = rule.alignment;
  for (int dim = 0; dim < rule.rank; ++dim)
    info->sizes[dim] =
        rule.sizes[dim].kind == RuleKind::Fixed ? rule.sizes[dim].value : -1;
  return LINATTN_OK;
}

int64_t linattn_entry_num_results(const linattn_entry *entry) {
  return entry->getFunction().resultTensors.size();
}

int64_t linattn_entry_result_tensor(const linattn_entry *entry,
                                    int64_t result) {
  if (result < 0 || result >= linattn_entry_num_results(entry))
    return -1;
  return entry->getFunction().resultTensors[result];
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// The code of `entry` for the host. Null, with an error, if there is none.
static const HostCode::LoadedFunction *
getHostFunction(const linattn_entry &entry, Diagnostic &diag) {
  const HostCode *code = entry.artifact->host.load(std::memory_order_acquire);
  const char *name = entry.getFunction().name.c_str();
  if (!code) {
    diag.fail(LINATTN_NOT_PREPARED,
              "%s: the host is not prepared: call linattn_artifact_prepare",
              name);
    return nullptr;
  }
  if (code->functions[entry.index].run)
    return &code->functions[entry.index];
  diag.fail(LINATTN_NO_CODE, "%s: the artifact holds no host code for it",
            name);
  return nullptr;
}

/// The code for a GPU that holds `entry`. Null, with an error, if there is
/// none.
static const DeviceCode *getDeviceCode(const linattn_entry &entry,
                                       int32_t device, Diagnostic &diag) {
  if (!checkDevice(device, diag))
    return nullptr;
  const DeviceCode *code =
      entry.artifact->devices[device].load(std::memory_order_acquire);
  const char *name = entry.getFunction().name.c_str();
  if (!code) {
    diag.fail(LINATTN_NOT_PREPARED,
              "%s: device %d is not prepared: call linattn_artifact_prepare",
              name, device);
    return nullptr;
  }
  if (code->plans[entry.index] >= 0)
    return code;
  diag.fail(LINATTN_NO_CODE,
            "%s: the artifact holds no code for it and compute capability "
            "%d.%d",
            name, code->capability / 10, code->capability % 10);
  return nullptr;
}

int32_t linattn_entry_is_ready(const linattn_entry *entry, int32_t device) {
  Diagnostic diag(nullptr);
  if (device == LINATTN_DEVICE_HOST)
    return getHostFunction(*entry, diag) != nullptr;
  return getDeviceCode(*entry, device, diag) != nullptr;
}

/// Passes on what host code says.
static bool checkStatus(const linattn_entry &entry, int32_t code,
                        const linattn_status &status, Diagnostic &diag) {
  if (code == LINATTN_OK)
    return true;
  return diag.fail(code, "%s: %s", entry.getFunction().name.c_str(),
                   status.message ? status.message : "");
}

static bool queryHost(const linattn_entry &entry, linattn_tensor *tensors,
                      int64_t numTensors, int64_t &workspaceSize,
                      Diagnostic &diag) {
  const HostCode::LoadedFunction *host = getHostFunction(entry, diag);
  if (!host)
    return false;
  Call call(entry.getFunction(), tensors, diag);
  // The requirements may speak of the strides of results, which host code
  // leaves to a launch.
  if (!call.checkCount(numTensors) || !call.bindArguments())
    return false;
  linattn_status status = {LINATTN_OK, ""};
  int32_t code = host->query(tensors, numTensors, &workspaceSize, &status);
  return checkStatus(entry, code, status, diag);
}

static bool queryDevice(const linattn_entry &entry, int32_t device,
                        linattn_tensor *tensors, int64_t numTensors,
                        int64_t &workspaceSize, Diagnostic &diag) {
  const DeviceCode *code = getDeviceCode(entry, device, diag);
  if (!code)
    return false;
  Call call(entry.getFunction(), tensors, diag);
  return call.checkCount(numTensors) && call.bindArguments() &&
         call.fillResults(tensors) && call.bindResults() &&
         call.checkRequirements() &&
         LaunchPlan(entry, *code, call).select(workspaceSize);
}

int32_t linattn_entry_query(const linattn_entry *entry, int32_t device,
                            linattn_tensor *tensors, int64_t numTensors,
                            int64_t *workspaceSize, linattn_error *error) {
  Diagnostic diag(error);
  int64_t size = 0;
  if (!entry)
    diag.fail(LINATTN_BAD_CALL, "expected a function, not null");
  else if (device == LINATTN_DEVICE_HOST)
    queryHost(*entry, tensors, numTensors, size, diag);
  else
    queryDevice(*entry, device, tensors, numTensors, size, diag);
  if (workspaceSize)
    *workspaceSize = size;
  return diag.getCode();
}

static bool launchHost(const linattn_entry &entry,
                       const linattn_tensor *tensors, int64_t numTensors,
                       void *workspace, int64_t workspaceSize,
                       Diagnostic &diag) {
  const HostCode::LoadedFunction *host = getHostFunction(entry, diag);
  if (!host)
    return false;
  Call call(entry.getFunction(), tensors, diag);
  if (!call.checkCount(numTensors) || !call.bindArguments() ||
      !call.bindResults() || !call.checkRequirements() ||
      !call.checkData(0, numTensors))
    return false;
  linattn_status status = {LINATTN_OK, ""};
  int32_t code =
      host->run(tensors, numTensors, workspace, workspaceSize, &status);
  return checkStatus(entry, code, status, diag);
}

static bool launchDevice(const linattn_entry &entry, int32_t device,
                         const linattn_tensor *tensors, int64_t numTensors,
                         void *workspace, int64_t workspaceSize,
                         cuda::Stream stream, Diagnostic &diag) {
  const DeviceCode *code = getDeviceCode(entry, device, diag);
  if (!code)
    return false;
  Call call(entry.getFunction(), tensors, diag);
  if (!call.checkCount(numTensors) || !call.bindArguments() ||
      !call.bindResults() || !call.checkRequirements() ||
      !call.checkData(0, numTensors))
    return false;
  LaunchPlan plan(entry, *code, call);
  int64_t needed;
  if (!plan.select(needed))
    return false;
  // Encoding tensor maps needs no context, launching does.
  if (!plan.compute(workspace, workspaceSize))
    return false;
  ContextScope scope(*code->driver, code->context);
  if (scope.getResult() != cuda::kSuccess)
    return code->driver->fail(diag, scope.getResult(), "cuCtxPushCurrent");
  return plan.launch(stream);
}

int32_t linattn_entry_launch(const linattn_entry *entry, int32_t device,
                             const linattn_tensor *tensors, int64_t numTensors,
                             void *workspace, int64_t workspaceSize,
                             void *stream, linattn_error *error) {
  Diagnostic diag(error);
  if (!entry)
    diag.fail(LINATTN_BAD_CALL, "expected a function, not null");
  else if (device == LINATTN_DEVICE_HOST)
    launchHost(*entry, tensors, numTensors, workspace, workspaceSize, diag);
  else
    launchDevice(*entry, device, tensors, numTensors, workspace, workspaceSize,
                 static_cast<cuda::Stream>(stream), diag);
  return diag.getCode();
}

int32_t linattn_call_launch(const linattn_call *call) {
  return linattn_entry_launch(call->entry, call->device, call->tensors,
                              call->num_tensors, call->workspace,
                              call->workspace_size, call->stream, call->error);
}
