//===- HeadSlicer.h - slices of one head of one sequence --------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DIALECT_LINATTN_TRANSFORMS_HEADSLICER_H
#define LINATTN_LIB_DIALECT_LINATTN_TRANSFORMS_HEADSLICER_H

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir {
namespace linattn {

/// Turns a named op into a loop nest: an `scf.forall` over sequences and heads,
/// in which every operand is seen as the slice of one head of one sequence.
/// Knows where batch, heads, groups of heads, layouts and packed sequences are,
/// so that the lowerings need not.
class HeadSlicer {
public:
  /// Builds the `scf.forall` in front of `op` and runs `body` inside it.
  /// `body` returns, for every output of the op, the final contents of the
  /// slice that `getOutput` gave, in the layout of the op. Replaces `op`.
  static void
  buildHeadLoop(RewriterBase &rewriter, DimRoleOpInterface op,
                llvm::function_ref<SmallVector<Value>(HeadSlicer &)> body);

  /// Tokens of this sequence (index).
  OpFoldResult getLength() const { return length; }

  /// The slice of operand `operandNumber` that belongs to this head: without
  /// its batch and head dimensions, and with `size` tokens from token `offset`
  /// of this sequence, if it has tokens. A size of nullopt takes one token and
  /// drops the dimension.
  Value getSlice(unsigned operandNumber, OpFoldResult offset,
                 std::optional<OpFoldResult> size);

  /// The slice of an operand that has no tokens.
  Value getSlice(unsigned operandNumber) {
    return getSlice(operandNumber, b.getIndexAttr(0), std::nullopt);
  }

  /// The slice of output `index` that belongs to this head, with all tokens of
  /// the sequence, if it has any.
  Value getOutput(unsigned index);

  OpBuilder &getBuilder() { return b; }
  Location getLoc() const { return loc; }

private:
  HeadSlicer(OpBuilder &b, Location loc, DimRoleOpInterface op)
      : b(b), loc(loc), op(op) {}

  struct SliceParameters {
    SmallVector<OpFoldResult> offsets, sizes, strides;
    RankedTensorType type;
  };
  SliceParameters getParameters(unsigned operandNumber, Value source,
                                OpFoldResult tokenOffset,
                                std::optional<OpFoldResult> tokens);

  OpBuilder &b;
  Location loc;
  DimRoleOpInterface op;
  Value sequence, head;
  Value headCount;
  bool isPacked = false;
  OpFoldResult start, length;
  SmallVector<Value> outputs;
};

/// What keeps `op` from being lowered head by head, besides its own
/// constraints: memrefs, or channels that are not static. Empty if nothing.
std::string findObstacle(DimRoleOpInterface op);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_LINATTN_TRANSFORMS_HEADSLICER_H
