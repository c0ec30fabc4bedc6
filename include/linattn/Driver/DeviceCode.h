//===- DeviceCode.h - tile programs to code for GPUs ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_DEVICECODE_H
#define LINATTN_DRIVER_DEVICECODE_H

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Utils/Chip.h"
#include "linattn/Driver/Compiler.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir {
namespace linattn {

/// A GPU that code is made for.
struct DeviceTarget {
  /// As LLVM, ptxas and manifests name it: "sm_90a".
  StringLiteral chip;
  /// What manifests call PTX for it: "compute_90a".
  StringLiteral virtualArch;
  /// The version of the PTX language: "+ptx86".
  StringLiteral ptxFeatures;

  tile::Chip getChip() const;
};

/// The target of this name, or null.
const DeviceTarget *getDeviceTarget(StringRef name);
/// The target for devices of this compute capability (90 for 9.0), or null.
const DeviceTarget *getDeviceTarget(int capability);
/// "host, sm_90a, ...": for messages and help.
std::string getTargetNames();

/// Lowers `module` to functions that launch tile programs, whose places in
/// shared memory are known. `plan` holds options of
/// linattn-normal-form-to-tile-pipeline.
LogicalResult lowerToTile(ModuleOp module, const CompileOptions &options,
                          const DeviceTarget &target, StringRef plan);

/// Copies of tile programs, in a module of their own.
OwningOpRef<ModuleOp> extractKernels(Location loc,
                                     ArrayRef<tile::KernelOp> kernels);

/// Lowers a module of tile programs to the LLVM and NVVM dialects.
LogicalResult lowerToNVVM(ModuleOp kernels, const DeviceTarget &target);

/// What ptxas says about a kernel.
struct KernelReport {
  std::string name;
  int64_t registers = 0;
  int64_t stackBytes = 0, spillStoreBytes = 0, spillLoadBytes = 0;
  /// Advice that names the kernel, such as that wgmma is serialised.
  std::vector<std::string> advice;

  bool spills() const { return spillStoreBytes || spillLoadBytes; }
};

/// Machine code for one chip.
struct Cubin {
  std::string bytes;
  std::vector<KernelReport> kernels;
};

/// Reads the output of `ptxas -v`.
std::vector<KernelReport> parsePtxasOutput(StringRef output);

/// The path of ptxas: the program that the environment variable LINATTN_PTXAS
/// names, or one on the PATH, in a virtual environment with the PyPI package
/// nvidia-cuda-nvcc, or in an installation of CUDA.
llvm::Expected<std::string> findPtxas();

/// Assembles PTX with the ptxas at this path.
llvm::Expected<Cubin> assemblePTX(StringRef ptx, StringRef chip,
                                  StringRef ptxas);

/// The code of a kernel.
struct KernelCode {
  std::string ptx;
  /// Empty unless ptxas was asked.
  Cubin cubin;
};

/// A tile program that is to be compiled.
struct KernelJob {
  tile::KernelOp kernel;
  const DeviceTarget *target;
  /// The path of ptxas, if there is to be machine code.
  std::optional<std::string> ptxas;
  /// A failure, until it is compiled; what went wrong is a diagnostic.
  FailureOr<KernelCode> code = failure();
};

/// Compiles tile programs, each by itself, on the threads of the context. What
/// comes out does not depend on how many these are.
void compileKernels(MutableArrayRef<KernelJob> jobs,
                    const CompileOptions &options);

/// Joins the PTX of kernels for one target into one file.
std::string joinPTX(ArrayRef<StringRef> kernels);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_DEVICECODE_H
