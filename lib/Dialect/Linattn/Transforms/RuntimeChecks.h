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

/// Builds, in front of `op`, a `cf.assert` for every constraint that its
/// verifier left open because a size is dynamic, and for the contents of
/// `offsets`: they start at 0, do not decrease, and end at the number of
/// tokens. The lowerings read out of bounds if one of them does not hold.
void buildRuntimeChecks(OpBuilder &b, DimRoleOpInterface op);

/// Gives an op on tensors whose head sizes are zero heads of one channel that
/// holds zeros, which changes no result: upstream ops cannot take a slice of a
/// dimension without elements. Returns the op to go on with.
DimRoleOpInterface padEmptyHeads(RewriterBase &rewriter, DimRoleOpInterface op);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_LINATTN_TRANSFORMS_RUNTIMECHECKS_H
