//===- TileOps.h - what kind of work a linalg op is -------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kinds of work on tiles that docs/NormalForm.md knows, recognised on
// tensors and on buffers alike.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_NORMALFORM_TILEOPS_H
#define LINATTN_NORMALFORM_TILEOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir {
namespace linattn {

/// Whether `op` multiplies its two inputs, each widened or not, and adds the
/// product to its only output, over at least one reduction dimension.
bool isContraction(linalg::LinalgOp op);

/// Whether all iterators of `op` are parallel.
bool isMap(linalg::LinalgOp op);

/// If the body of `op` combines each element of its only output with a value
/// that does not depend on the output, by one associative and commutative
/// operation, returns that operation.
Operation *getReductionCombiner(linalg::LinalgOp op);

/// Looks through a widening of a float.
Value lookThroughWidening(Value value);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_NORMALFORM_TILEOPS_H
