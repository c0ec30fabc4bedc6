//===- RuntimeChecks.h - what verifiers cannot see --------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DIALECT_LINATTN_TRANSFORMS_RUNTIMECHECKS_H
#define LINATTN_LIB_DIALECT_LINATTN_TRANSFORMS_RUNTIMECHECKS_H

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace linattn {

/// Gives an op on tensors whose head sizes are zero heads of one channel that
/// holds zeros, which changes no result: upstream ops cannot take a slice of a
/// dimension without elements. Returns the op to go on with.
DimRoleOpInterface padEmptyHeads(RewriterBase &rewriter, DimRoleOpInterface op);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_LINATTN_TRANSFORMS_RUNTIMECHECKS_H
