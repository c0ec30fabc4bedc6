//===- TileLoops.h - loops over vectors for work on tiles -------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the lowerings of contractions, maps and reductions share.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_HOST_TILELOOPS_H
#define LINATTN_LIB_HOST_TILELOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace linattn {

/// The vector unit that loops are made for.
struct VectorUnit {
  /// Elements of 32 bits in a register.
  int64_t width;
  /// Registers.
  int64_t registers;
};

/// Whether elements of `type` may stand in vectors that are loaded from memory
/// (i1 may not: a vector of them is packed, a buffer of them is not).
bool isVectorElement(Type type);

/// Whether the last dimension of `type` has stride 1.
bool hasContiguousRows(MemRefType type);

/// The position of dimension `dim` in the results of `map`, if there is one.
std::optional<unsigned> getResultPosition(AffineMap map, unsigned dim);

/// The indices of one element of an operand: `map` applied to `ivs`.
SmallVector<Value> getIndices(ImplicitLocOpBuilder &b, AffineMap map,
                              ValueRange ivs);

/// Runs `body` for `iv` in [0, size) in steps of `step`. A loop that runs once
/// is no loop.
void buildLoop(ImplicitLocOpBuilder &b, OpFoldResult begin, OpFoldResult end,
               int64_t step, function_ref<void(Value iv)> body);

/// Splits [0, `size`) into pieces of `width` and of falling powers of two
/// behind them, and runs `body` with the start and the number of elements. A
/// dynamic size has a rest of single elements.
void buildVectorLoop(ImplicitLocOpBuilder &b, OpFoldResult size, int64_t width,
                     function_ref<void(Value iv, int64_t width)> body);

/// The extents of the loops of `op`.
SmallVector<OpFoldResult> getLoopRanges(ImplicitLocOpBuilder &b,
                                        linalg::LinalgOp op);

/// Broadcasts a scalar to `width` elements; leaves vectors as they are.
Value toVector(ImplicitLocOpBuilder &b, Value value, int64_t width);

/// Loads the element of `operand` at `indices`, or, with `width` > 1, the
/// elements from there on along result `position` of its map, if any.
Value loadElements(ImplicitLocOpBuilder &b, Value operand,
                   ArrayRef<Value> indices, std::optional<unsigned> position,
                   int64_t width);

/// The inverse of `loadElements`.
void storeElements(ImplicitLocOpBuilder &b, Value value, Value operand,
                   ArrayRef<Value> indices, std::optional<unsigned> position,
                   int64_t width);

/// Copies the body of `op` with `args` for its arguments. A value becomes a
/// vector only where it varies along dimension `vectorDim`. Returns what the
/// body yields.
SmallVector<Value> cloneBody(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                             ValueRange args, ValueRange ivs,
                             unsigned vectorDim, int64_t width);

/// Whether `cloneBody` can make vectors of the body of `op`.
bool hasVectorizableBody(linalg::LinalgOp op);

/// Copies a matrix of `rows` by `columns` elements to `target`, whose rows are
/// contiguous, and widens it to the elements of `target`. If the columns of
/// `source` are contiguous, squares of it are transposed in registers. Both
/// functions give the indices of a row and a column.
void buildTransposedCopy(
    ImplicitLocOpBuilder &b, Value source, Value target, int64_t rows,
    int64_t columns, bool hasContiguousColumns, int64_t width,
    function_ref<SmallVector<Value>(Value row, Value column)> sourceIndices,
    function_ref<SmallVector<Value>(Value row, Value column)> targetIndices);

/// The index `distance` behind `iv`.
Value advance(ImplicitLocOpBuilder &b, Value iv, int64_t distance);

/// Each of these lowers `op`, which works on buffers, in front of it, and
/// leaves it alone and returns failure if it has another form.
LogicalResult lowerContraction(linalg::LinalgOp op, const VectorUnit &unit,
                               bool accumulatesFromZero);
LogicalResult lowerMap(linalg::LinalgOp op, const VectorUnit &unit);
LogicalResult lowerTranspose(linalg::LinalgOp op, const VectorUnit &unit);
LogicalResult lowerReduction(linalg::LinalgOp op, const VectorUnit &unit);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_HOST_TILELOOPS_H
