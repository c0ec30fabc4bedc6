//===- LinalgToKernels.cpp - make kernels of linalg on whole tensors ------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/Transforms/Passes.h"
#include "linattn/Dialect/Linattn/Transforms/Transforms.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Utils/Utils.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNLINALGTOKERNELS
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

namespace {

/// One loop of the iteration space of an op, inside of a kernel.
struct TileLoop {
  /// Elements of a tile, and the static size of the loop in it.
  int64_t tileSize;
  /// The whole loop.
  OpFoldResult size;
  /// True if the kernel has a dimension for the loop.
  bool isTiled;
  /// In the kernel: where the tile starts, and how much of it is real.
  OpFoldResult offset, valid;
};

/// Turns one linalg op on whole tensors into a kernel.
class KernelBuilder {
public:
  KernelBuilder(RewriterBase &rewriter, linalg::LinalgOp op, int64_t tileSize)
      : rewriter(rewriter), op(op), loc(op.getLoc()), tileSize(tileSize) {}

  LogicalResult build();

private:
  LogicalResult chooseTiles();
  /// The tile of an operand, padded to its static shape.
  Value getTile(OpBuilder &b, OpOperand &operand, Value source);
  /// The tile of an output, which takes a fill of the whole tensor along.
  Value getOutputTile(OpBuilder &b, OpOperand &operand, Value destination);
  void getSlice(OpOperand &operand, SmallVector<OpFoldResult> &offsets,
                SmallVector<OpFoldResult> &sizes, SmallVector<int64_t> &shape);

  RewriterBase &rewriter;
  linalg::LinalgOp op;
  Location loc;
  int64_t tileSize;
  SmallVector<TileLoop> loops;
};

} // namespace

LogicalResult KernelBuilder::chooseTiles() {
  for (OpOperand &operand : op->getOpOperands())
    if (!op.getMatchingIndexingMap(&operand).isProjectedPermutation())
      return op.emitOpError()
             << "expects indexing maps that are projected permutations, but "
                "the map of operand "
             << operand.getOperandNumber() << " is "
             << AffineMapAttr::get(op.getMatchingIndexingMap(&operand));

  rewriter.setInsertionPoint(op);
  SmallVector<OpFoldResult> sizes;
  for (Range range : op.createLoopRanges(rewriter, loc))
    sizes.push_back(range.size);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  bool isContraction = linalg::isaContractionOpInterface(op);
  // The innermost loop of a map runs over contiguous elements: longer tiles
  // keep it efficient. A contraction reads its tiles many times.
  constexpr int64_t elementsPerRow = 256;
  for (unsigned i = iterators.size(); i-- > 0;) {
    TileLoop loop;
    loop.size = sizes[i];
    std::optional<int64_t> constant = getConstantIntValue(sizes[i]);
    loop.isTiled = false;
    if (iterators[i] != utils::IteratorType::parallel) {
      if (!constant)
        return op.emitOpError()
               << "expects loops that are not parallel to have a static size, "
                  "but the size of loop "
               << i << " is dynamic";
      loop.tileSize = *constant;
    } else {
      bool isInnermost = i + 1 == iterators.size();
      loop.tileSize = isInnermost && !isContraction ? elementsPerRow : tileSize;
      loop.isTiled = !constant || *constant > loop.tileSize;
      if (!loop.isTiled)
        loop.tileSize = *constant;
    }
    loop.offset = rewriter.getIndexAttr(0);
    loop.valid = loop.size;
    loops.insert(loops.begin(), loop);
  }
  // A kernel has at least one dimension.
  if (llvm::none_of(loops, [](TileLoop &loop) { return loop.isTiled; }))
    for (auto [loop, iterator] : llvm::zip(loops, iterators))
      if (iterator == utils::IteratorType::parallel) {
        loop.isTiled = true;
        break;
      }
  return success();
}

void KernelBuilder::getSlice(OpOperand &operand,
                             SmallVector<OpFoldResult> &offsets,
                             SmallVector<OpFoldResult> &sizes,
                             SmallVector<int64_t> &shape) {
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    const TileLoop &loop = loops[cast<AffineDimExpr>(expr).getPosition()];
    offsets.push_back(loop.offset);
    sizes.push_back(loop.valid);
    shape.push_back(loop.tileSize);
  }
}

Value KernelBuilder::getTile(OpBuilder &b, OpOperand &operand, Value source) {
  auto type = dyn_cast<RankedTensorType>(source.getType());
  if (!type || type.getRank() == 0)
    return source;
  SmallVector<OpFoldResult> offsets, sizes;
  SmallVector<int64_t> shape;
  getSlice(operand, offsets, sizes, shape);
  SmallVector<OpFoldResult> strides(shape.size(), b.getIndexAttr(1));
  Value slice =
      tensor::ExtractSliceOp::create(b, loc, source, offsets, sizes, strides);
  auto tileType = RankedTensorType::get(shape, type.getElementType());
  if (slice.getType() == tileType)
    return slice;
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  return tensor::createPadHighOp(tileType, slice, zero, /*nofold=*/false, loc,
                                 b);
}

Value KernelBuilder::getOutputTile(OpBuilder &b, OpOperand &operand,
                                   Value destination) {
  auto fill = operand.get().getDefiningOp<linalg::FillOp>();
  bool isRead = op.payloadUsesValueFromOperand(&operand);
  if (isRead && !fill)
    return getTile(b, operand, destination);
  SmallVector<OpFoldResult> offsets, sizes;
  SmallVector<int64_t> shape;
  getSlice(operand, offsets, sizes, shape);
  auto type = cast<RankedTensorType>(destination.getType());
  Value tile = tensor::EmptyOp::create(b, loc, shape, type.getElementType());
  if (!isRead)
    return tile;
  return linalg::FillOp::create(b, loc, fill.value(), tile).getResult(0);
}

LogicalResult KernelBuilder::build() {
  if (failed(chooseTiles()))
    return failure();

  SmallVector<OpFoldResult> lower, upper, step;
  for (TileLoop &loop : loops) {
    if (!loop.isTiled)
      continue;
    lower.push_back(rewriter.getIndexAttr(0));
    upper.push_back(loop.size);
    step.push_back(rewriter.getIndexAttr(loop.tileSize));
  }
  // A reduction to a scalar is a kernel of one iteration.
  if (upper.empty()) {
    lower.push_back(rewriter.getIndexAttr(0));
    upper.push_back(rewriter.getIndexAttr(1));
    step.push_back(rewriter.getIndexAttr(1));
  }
  // A fill that only this op reads happens in the kernel.
  SmallVector<Value> outputs;
  for (Value init : op.getDpsInits()) {
    auto fill = init.getDefiningOp<linalg::FillOp>();
    outputs.push_back(fill ? fill.output() : init);
  }

  auto kernel = scf::ForallOp::create(rewriter, loc, lower, upper, step,
                                      outputs, /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(kernel.getBody());
  unsigned dim = 0;
  AffineExpr size = rewriter.getAffineSymbolExpr(0),
             offset = rewriter.getAffineDimExpr(0);
  for (TileLoop &loop : loops) {
    if (!loop.isTiled)
      continue;
    loop.offset = kernel.getInductionVar(dim++);
    OpFoldResult tile = rewriter.getIndexAttr(loop.tileSize);
    std::optional<int64_t> constant = getConstantIntValue(loop.size);
    if (constant && *constant % loop.tileSize == 0) {
      loop.valid = tile;
      continue;
    }
    AffineMap map = AffineMap::get(
        1, 1, {rewriter.getAffineConstantExpr(loop.tileSize), size - offset},
        rewriter.getContext());
    loop.valid = affine::makeComposedFoldedAffineMin(rewriter, loc, map,
                                                     {loop.offset, loop.size});
  }

  SmallVector<Value> tiles;
  for (OpOperand *input : op.getDpsInputOperands())
    tiles.push_back(getTile(rewriter, *input, input->get()));
  SmallVector<Type> resultTypes;
  for (auto [i, argument] : llvm::enumerate(kernel.getRegionIterArgs())) {
    tiles.push_back(
        getOutputTile(rewriter, *op.getDpsInitOperand(i), argument));
    resultTypes.push_back(tiles.back().getType());
  }
  auto tiled =
      cast<linalg::LinalgOp>(mlir::clone(rewriter, op, resultTypes, tiles));
  SmallVector<OpFoldResult> loopOffsets;
  for (TileLoop &loop : loops)
    loopOffsets.push_back(loop.offset);
  linalg::offsetIndices(rewriter, tiled, loopOffsets);

  rewriter.setInsertionPointAfter(tiled);
  for (auto [i, argument] : llvm::enumerate(kernel.getRegionIterArgs())) {
    SmallVector<OpFoldResult> offsets, sizes;
    SmallVector<int64_t> shape;
    getSlice(*op.getDpsInitOperand(i), offsets, sizes, shape);
    SmallVector<OpFoldResult> zeros(shape.size(), rewriter.getIndexAttr(0));
    SmallVector<OpFoldResult> ones(shape.size(), rewriter.getIndexAttr(1));
    rewriter.setInsertionPointAfter(tiled);
    Value rows = tensor::ExtractSliceOp::create(
        rewriter, loc, tiled->getResult(i), zeros, sizes, ones);
    rewriter.setInsertionPointToEnd(kernel.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(rewriter, loc, rows, argument,
                                          offsets, sizes, ones);
  }
  rewriter.replaceOp(op, kernel.getResults());
  return success();
}

namespace {
struct LinalgToKernels
    : linattn::impl::LinattnLinalgToKernelsBase<LinalgToKernels> {
  using Base::Base;

  void runOnOperation() override {
    if (tileSize < 1) {
      getOperation()->emitError()
          << "expects tile-size of at least 1, but got " << tileSize;
      return signalPassFailure();
    }
    SmallVector<linalg::LinalgOp> ops;
    SmallVector<linalg::FillOp> fills;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op->getParentOfType<scf::ForallOp>() || !op.hasPureTensorSemantics())
        return;
      if (auto fill = dyn_cast<linalg::FillOp>(op.getOperation()))
        fills.push_back(fill);
      else
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops) {
      rewriter.setInsertionPoint(op);
      linattn::buildRuntimeChecks(rewriter, op);
      if (failed(KernelBuilder(rewriter, op, tileSize).build()))
        return signalPassFailure();
    }
    for (linalg::FillOp fill : fills)
      if (isOpTriviallyDead(fill))
        rewriter.eraseOp(fill);
  }
};
} // namespace
