//===- LaunchPlan.h - from launches to a launch plan ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_LAUNCHPLAN_H
#define LINATTN_DRIVER_LAUNCHPLAN_H

#include "linattn/Driver/Description.h"

namespace mlir {
namespace linattn {

/// Turns the functions of `module`, which launch tile kernels, into plans for
/// the target with this number in the artifact, and adds them to `program`.
/// Kernels are still tile programs, whose places in shared memory are known.
/// With `usesTensorMaps`, kernels get a tensor map of every `!tile.global`.
///
/// A plan has one variant for every way through the function. A function may
/// hold
///
/// - `tile.launch`,
/// - `tensor.empty`, for the outputs of launches: what the function returns
///   becomes a result of the call, what it returns nothing of lies in the
///   workspace,
/// - integer arithmetic on sizes (`arith`, `affine.apply`, `affine.min`,
///   `affine.max`, `tensor.dim`, `tile.sm_count`),
/// - `cf.assert`, which becomes a requirement of the call,
/// - `scf.if` around these.
///
/// Fails with a diagnostic at any other op.
LogicalResult addLaunchPlans(ModuleOp module, int64_t target,
                             bool usesTensorMaps, ProgramDescription &program);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_LAUNCHPLAN_H
