//===- TransposeLoops.cpp - transposes in registers -----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::linattn;

/// Transposes a square of vectors in registers: in each step, the halves of
/// pairs of rows at distance `step` change places.
static void transposeSquare(ImplicitLocOpBuilder &b,
                            MutableArrayRef<Value> square) {
  int64_t size = square.size();
  for (int64_t step = size / 2; step >= 1; step /= 2) {
    SmallVector<int64_t> low(size), high(size);
    for (int64_t lane = 0; lane < size; ++lane) {
      low[lane] = (lane & step) ? size + lane - step : lane;
      high[lane] = (lane & step) ? size + lane : lane + step;
    }
    for (int64_t row = 0; row < size; ++row) {
      if (row & step)
        continue;
      Value first = square[row], second = square[row + step];
      square[row] = vector::ShuffleOp::create(b, first, second, low);
      square[row + step] = vector::ShuffleOp::create(b, first, second, high);
    }
  }
}

/// Widens a float, or a vector of floats, to elements of `element`.
static Value widenTo(ImplicitLocOpBuilder &b, Value value, Type element) {
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  if (value.getType() == type)
    return value;
  return arith::ExtFOp::create(b, type, value);
}

void linattn::buildTransposedCopy(
    ImplicitLocOpBuilder &b, Value source, Value target, int64_t rows,
    int64_t columns, bool hasContiguousColumns, int64_t width,
    function_ref<SmallVector<Value>(Value row, Value column)> sourceIndices,
    function_ref<SmallVector<Value>(Value row, Value column)> targetIndices) {
  Type narrow = cast<MemRefType>(source.getType()).getElementType();
  Type element = cast<MemRefType>(target.getType()).getElementType();
  int64_t square = width;
  while (square > std::min(rows, columns))
    square /= 2;
  bool hasSquares =
      hasContiguousColumns && square > 1 && isVectorElement(narrow);
  int64_t wholeRows = hasSquares ? rows / square * square : 0;
  int64_t wholeColumns = hasSquares ? columns / square * square : 0;
  auto attr = [&](int64_t value) { return b.getIndexAttr(value); };
  auto vectorType = VectorType::get(square, narrow);
  buildLoop(b, attr(0), attr(wholeColumns), square, [&](Value column) {
    buildLoop(b, attr(0), attr(wholeRows), square, [&](Value row) {
      SmallVector<Value> block;
      for (int64_t lane = 0; lane < square; ++lane)
        block.push_back(
            widenTo(b,
                    vector::LoadOp::create(
                        b, vectorType, source,
                        sourceIndices(row, advance(b, column, lane))),
                    element));
      transposeSquare(b, block);
      for (int64_t lane = 0; lane < square; ++lane)
        vector::StoreOp::create(b, block[lane], target,
                                targetIndices(advance(b, row, lane), column));
    });
  });
  // What the squares leave over: the rows below, then the columns behind.
  auto copyScalars = [&](int64_t firstRow, int64_t lastRow, int64_t firstColumn,
                         int64_t lastColumn) {
    if (firstRow >= lastRow || firstColumn >= lastColumn)
      return;
    buildLoop(b, attr(firstRow), attr(lastRow), 1, [&](Value row) {
      buildLoop(b, attr(firstColumn), attr(lastColumn), 1, [&](Value column) {
        Value value =
            memref::LoadOp::create(b, source, sourceIndices(row, column));
        memref::StoreOp::create(b, widenTo(b, value, element), target,
                                targetIndices(row, column));
      });
    });
  };
  copyScalars(wholeRows, rows, 0, columns);
  copyScalars(0, wholeRows, wholeColumns, columns);
}

LogicalResult linattn::lowerTranspose(linalg::LinalgOp op,
                                      const VectorUnit &unit) {
  if (op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 ||
      op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1)
    return failure();
  OpOperand *input = op.getDpsInputOperand(0);
  OpOperand *output = op.getDpsInitOperand(0);
  Block *body = op.getBlock();
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  auto source = dyn_cast<MemRefType>(input->get().getType());
  auto target = cast<MemRefType>(output->get().getType());
  if (!source || body->getTerminator()->getOperand(0) != body->getArgument(0) ||
      !op.getMatchingIndexingMap(output).isIdentity() ||
      op.getMatchingIndexingMap(input) !=
          AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0},
                                       op->getContext()) ||
      ShapedType::isDynamicShape(sizes) || !hasContiguousRows(target) ||
      !hasContiguousRows(source) || !isVectorElement(source.getElementType()))
    return failure();
  ImplicitLocOpBuilder b(op.getLoc(), op);
  buildTransposedCopy(
      b, input->get(), output->get(), sizes[0], sizes[1],
      /*hasContiguousColumns=*/true, unit.width,
      [](Value row, Value column) { return SmallVector<Value>{column, row}; },
      [](Value row, Value column) { return SmallVector<Value>{row, column}; });
  return success();
}
