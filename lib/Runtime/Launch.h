//===- Launch.h - evaluating launch plans -----------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_LAUNCH_H
#define LINATTN_RUNTIME_LAUNCH_H

#include "Artifact.h"
#include "Call.h"

namespace linattn {
namespace runtime {

/// The launches of one call on one GPU. All of them are computed and checked
/// before the first one is made.
class LaunchPlan {
public:
  LaunchPlan(const linattn_entry &entry, const DeviceCode &code, Call &call)
      : function(call.function), plan(function.plans[code.plans[entry.index]]),
        code(code),
        kernels(entry.artifact->manifest.targets[plan.target].kernels),
        call(call) {}

  /// Selects the variant and evaluates its need of workspace.
  bool select(int64_t &workspaceSize);
  /// Computes the launches of the selected variant.
  bool compute(void *workspace, int64_t workspaceSize);
  /// Makes them.
  bool launch(cuda::Stream stream);

private:
  struct Computed {
    cuda::LaunchConfig config;
    cuda::LaunchAttribute attributes[2];
    int64_t kernel;
    int firstParameter;
  };

  bool fail(const char *format, ...) __attribute__((format(printf, 2, 3)));
  bool checkWorkspace(void *workspace, int64_t size);
  bool computeLaunch(const Launch &launch);
  bool computeExtents(const Launch &launch, Computed &computed, bool &isEmpty);
  bool computeCluster(const Launch &launch, Computed &computed);
  bool computeParameter(const Parameter &parameter, char *slot);
  bool computeAddress(const Address &address, uint64_t &result);
  bool encodeTensorMap(const TensorMap &map, char *slot);

  const Function &function;
  const Plan &plan;
  const DeviceCode &code;
  const std::vector<Kernel> &kernels;
  Call &call;

  const Variant *variant = nullptr;
  const Kernel *kernel = nullptr; // Of the launch at hand, for messages.
  uint64_t workspaceAddress = 0;
  int64_t workspaceBytes = 0;
  int numLaunches = 0, numParameters = 0;
  int64_t numBytes = 0;
  Computed launches[kMaxLaunches];
  void *parameters[kMaxParameters];
  alignas(64) char storage[kMaxParameterBytes];
};

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_LAUNCH_H
