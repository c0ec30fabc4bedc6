//===- PTX.h - kernels to PTX -----------------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_TARGET_PTX_H
#define LINATTN_TARGET_PTX_H

#include "mlir/Support/LLVM.h"
#include <string>

namespace mlir {
class DialectRegistry;
class ModuleOp;

namespace linattn {

/// What PTX is made for.
struct PTXOptions {
  /// The processor, as LLVM names it: "sm_90a", "sm_80".
  std::string chip = "sm_90a";
  /// The version of the PTX language: "+ptx86".
  std::string features = "+ptx86";
  /// Level of optimisation, 0 to 3.
  unsigned optLevel = 3;
};

/// Translates a module of kernels in the LLVM and NVVM dialects to PTX. Inline
/// assembly is marked convergent on the way: threads of a warp execute it
/// together, and LLVM must not move it into divergent code. Deterministic.
FailureOr<std::string> translateToPTX(ModuleOp module,
                                      const PTXOptions &options);

/// Registers `--linattn-to-ptx` for translation tools.
void registerToPTXTranslation();

} // namespace linattn
} // namespace mlir

#endif // LINATTN_TARGET_PTX_H
