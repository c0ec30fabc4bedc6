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
class RewritePatternSet;

namespace linattn {

/// Adds the patterns of `linattn-to-recurrence`. With `stepsOnly`, only the
/// one for `linattn.step`.
void populateToRecurrencePatterns(RewritePatternSet &patterns,
                                  bool stepsOnly = false);

/// Adds the patterns of `linattn-to-blocks`. They fail to match an op that has
/// no schedule.
void populateToBlocksPatterns(RewritePatternSet &patterns);

/// Adds the patterns of `linattn-decompose-blocks`.
void populateDecomposeBlocksPatterns(RewritePatternSet &patterns);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_TRANSFORMS_TRANSFORMS_H
