//===- TransposeTiles.cpp - right operands with contiguous columns --------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNTRANSPOSETILES
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

namespace {
/// Makes and remembers the transposed form of tiles.
class Transposer {
public:
  explicit Transposer(MLIRContext *context) : builder(context) {}

  void transposeRightOperand(linalg::GenericOp op);

private:
  /// The transposed matrix `value`, made where `value` is.
  Value getTransposed(Value value);

  OpBuilder builder;
  DenseMap<Value, Value> known;
};
} // namespace

Value Transposer::getTransposed(Value value) {
  if (Value result = known.lookup(value))
    return result;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  Value result;
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (slice && slice.getSourceType().hasStaticShape() &&
      slice.getSourceType().getRank() == 2) {
    // A slice of a tile shares the transposed form of the tile.
    Value source = getTransposed(slice.getSource());
    builder.setInsertionPointAfter(slice);
    auto swapped = [](SmallVector<OpFoldResult> values) {
      std::swap(values[0], values[1]);
      return values;
    };
    result = tensor::ExtractSliceOp::create(
        builder, loc, source, swapped(slice.getMixedOffsets()),
        swapped(slice.getMixedSizes()), swapped(slice.getMixedStrides()));
  } else {
    auto type = cast<RankedTensorType>(value.getType());
    Value empty = tensor::EmptyOp::create(
        builder, loc, ArrayRef<int64_t>{type.getDimSize(1), type.getDimSize(0)},
        type.getElementType());
    AffineMap identity = builder.getMultiDimIdentityMap(2);
    AffineMap transposed = AffineMap::getPermutationMap(
        ArrayRef<unsigned>{1, 0}, builder.getContext());
    SmallVector<utils::IteratorType> iterators(2,
                                               utils::IteratorType::parallel);
    result = linalg::GenericOp::create(
                 builder, loc, empty.getType(), value, empty,
                 ArrayRef<AffineMap>{transposed, identity}, iterators,
                 [](OpBuilder &nested, Location loc, ValueRange args) {
                   linalg::YieldOp::create(nested, loc, args.front());
                 })
                 .getResult(0);
  }
  known[value] = result;
  return result;
}

void Transposer::transposeRightOperand(linalg::GenericOp op) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (out.getNumResults() == 0)
    return;
  AffineExpr columns = out.getResults().back();
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    auto type = dyn_cast<RankedTensorType>(operand->get().getType());
    if (!type || type.getRank() != 2 || !type.hasStaticShape() ||
        map.getResult(0) != columns)
      continue;
    operand->set(getTransposed(operand->get()));
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps[operand->getOperandNumber()] =
        AffineMap::get(map.getNumDims(), 0,
                       {map.getResult(1), map.getResult(0)}, op.getContext());
    op.setIndexingMapsAttr(builder.getAffineMapArrayAttr(maps));
    return;
  }
}

namespace {
struct TransposeTiles
    : linattn::impl::LinattnTransposeTilesBase<TransposeTiles> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> contractions;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (op.hasPureTensorSemantics() && linattn::isContraction(op))
        contractions.push_back(op);
    });
    Transposer transposer(&getContext());
    for (linalg::GenericOp op : contractions)
      transposer.transposeRightOperand(op);
  }
};
} // namespace
