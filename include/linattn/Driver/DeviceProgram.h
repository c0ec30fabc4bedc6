//===- DeviceProgram.h - a program for one GPU ------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_DEVICEPROGRAM_H
#define LINATTN_DRIVER_DEVICEPROGRAM_H

#include "linattn/Driver/DeviceCode.h"

namespace mlir {
namespace linattn {

/// A kernel of a program, with its code.
struct DeviceKernel {
  tile::KernelOp op;
  /// How it is placed: options of linattn-normal-form-to-tile-pipeline.
  std::string plan;
  KernelCode code;

  /// What ptxas found wrong with the code, in words; "" if nothing.
  std::string getFlaws() const;
  /// Less is better.
  std::pair<size_t, int64_t> getCost() const;

  /// The plans whose code has flaws, with these.
  struct RejectedPlan {
    std::string plan, flaws;
  };
  std::vector<RejectedPlan> rejected;
};

/// A program for one GPU.
struct DeviceProgram {
  const DeviceTarget *target;
  /// The launches, and the tile programs, whose places in shared memory are
  /// known.
  OwningOpRef<ModuleOp> module;
  /// In the order of the module.
  std::vector<DeviceKernel> kernels;

  /// The PTX of all kernels, as one file.
  std::string getPTX() const;
};

/// How kernels are placed if only one plan is tried: as `options` say, or else
/// as is preferred.
StringRef getPreferredPlan(const CompileOptions &options);

/// Compiles `source` for the target, with the plan of `options`, or else with
/// one for each kernel: the first that ptxas finds no fault with, or the one
/// with the least. Only ptxas tells plans from each other, so without it
/// (`options.assemble`) it is the first. Says as remarks which plans were
/// rejected, and why.
///
/// With `withPortable`, PTX for devices that no other target is for comes as a
/// second program, if the source fits there; if not, a remark says why.
FailureOr<std::vector<DeviceProgram>>
buildDevicePrograms(ModuleOp source, const CompileOptions &options,
                    const DeviceTarget &target, bool withPortable = false);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_DEVICEPROGRAM_H
