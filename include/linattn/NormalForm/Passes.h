//===- Passes.h - passes on the normal form ---------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_NORMALFORM_PASSES_H
#define LINATTN_NORMALFORM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
namespace linattn {

#define GEN_PASS_DECL
#include "linattn/NormalForm/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "linattn/NormalForm/Passes.h.inc"

} // namespace linattn
} // namespace mlir

#endif // LINATTN_NORMALFORM_PASSES_H
