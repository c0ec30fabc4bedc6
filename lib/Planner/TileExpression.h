//===- TileExpression.h - elements of computed tiles ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_TILEEXPRESSION_H
#define LINATTN_LIB_PLANNER_TILEEXPRESSION_H

#include "KernelFrame.h"

namespace mlir {
namespace linattn {

/// The matrices that an element of `tile` is computed from, through maps: what
/// contractions make, carried states and loaded tiles.
llvm::SetVector<Value> getLeaves(Value tile, const KernelBody &body);

/// Computes one element of a tile from the elements of other tiles at the same
/// place. Maps are not stored: each user computes what it reads.
class TileExpression {
public:
  /// `b` is where the element is computed, `outer` where scalars are that are
  /// the same for all elements.
  TileExpression(KernelFrame &frame, OpBuilder &b, OpBuilder &outer)
      : frame(frame), b(b), outer(outer) {}

  /// The element of `leaf` at the place that `indices` name. It may have
  /// elements at several places.
  void addLeaf(Value leaf, Value element, ValueRange indices);
  /// A vector that lies in shared memory.
  void addVector(Value vector, Value shared) { vectors[vector] = shared; }

  /// Elements of 16 bits are returned in f32, not yet rounded if it is `tile`
  /// itself that has them.
  FailureOr<Value> getElement(Value tile, ArrayRef<Value> indices) {
    return evaluate(tile, indices, /*isRoot=*/true);
  }
  /// The same, rounded.
  FailureOr<Value> getRounded(Value tile, ArrayRef<Value> indices) {
    return evaluate(tile, indices);
  }

private:
  FailureOr<Value> evaluate(Value tile, ArrayRef<Value> indices,
                            bool isRoot = false);
  FailureOr<Value> evaluatePad(tensor::PadOp pad, ArrayRef<Value> indices);
  /// An element that is the same everywhere.
  FailureOr<Value> getUniform(Value tile);
  FailureOr<Value> evaluateMap(linalg::LinalgOp op, ArrayRef<Value> indices,
                               bool isRoot);
  FailureOr<Value> read(const Access &access, ArrayRef<Value> indices,
                        RankedTensorType type, Location loc);

  struct Element {
    SmallVector<Value> indices;
    Value value;
  };
  KernelFrame &frame;
  OpBuilder &b, &outer;
  DenseMap<Value, SmallVector<Element>> leaves;
  DenseMap<Value, SmallVector<Element>> computed;
  DenseMap<Value, Value> vectors;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_TILEEXPRESSION_H
