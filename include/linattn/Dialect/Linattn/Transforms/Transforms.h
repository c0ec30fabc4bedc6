//===- Transforms.h - patterns on the linattn dialect -----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_TRANSFORMS_TRANSFORMS_H
#define LINATTN_DIALECT_LINATTN_TRANSFORMS_TRANSFORMS_H

#include "mlir/Support/LLVM.h"

namespace mlir {
class OpBuilder;
class RewritePatternSet;

namespace linalg {
class LinalgOp;
} // namespace linalg

namespace linattn {
class DimRoleOpInterface;

/// Builds, in front of `op`, a `cf.assert` for every constraint that its
/// verifier left open because a size is dynamic, and for the contents of
/// `offsets`: they start at 0, do not decrease, and end at the number of
/// tokens. The lowerings read out of bounds if one of them does not hold, so
/// they build these checks.
void buildRuntimeChecks(OpBuilder &b, DimRoleOpInterface op);

/// The same for the dynamic sizes of a linalg op: what one loop runs over has
/// one size in all operands.
void buildRuntimeChecks(OpBuilder &b, linalg::LinalgOp op);

/// Adds the patterns of `linattn-to-recurrence`. With `stepsOnly`, only the
/// one for `linattn.step`, and with `alsoF32` those for ops on f32.
void populateToRecurrencePatterns(RewritePatternSet &patterns,
                                  bool stepsOnly = false, bool alsoF32 = false);

/// Adds the patterns of `linattn-to-blocks`. They fail to match an op that has
/// no schedule.
void populateToBlocksPatterns(RewritePatternSet &patterns);

/// Adds the patterns of `linattn-decompose-blocks`.
void populateDecomposeBlocksPatterns(RewritePatternSet &patterns,
                                     bool coarseSpans = false);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_TRANSFORMS_TRANSFORMS_H
