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
  bool isParallel;
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
  void shrinkTiles();
  void setPosition(TileLoop &loop, Value offset);
  SmallVector<Value> buildWork(ValueRange outputTiles);
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
  /// The loop of a contraction that runs in the kernel, tile by tile.
  TileLoop *split = nullptr;
};

} // namespace

/// A contracted loop longer than twice this runs over tiles of about as many
/// elements.
static constexpr int64_t kContractedElements = 512;
/// Elements of a tile, at most: 256 KiB of f32.
static constexpr int64_t kTileElements = 1 << 16;

/// The tile of a contracted loop of `size` elements: one that divides it, if
/// there is one of a useful size.
static int64_t getContractedTile(int64_t size) {
  for (int64_t tile = kContractedElements; tile > kContractedElements / 2;
       --tile)
    if (size % tile == 0)
      return tile;
  return kContractedElements;
}

/// Halves tiles of parallel loops, outermost first, until every operand's tile
/// is small enough.
void KernelBuilder::shrinkTiles() {
  auto isTooLarge = [&] {
    return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
      uint64_t elements = 1;
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
        elements = llvm::SaturatingMultiply<uint64_t>(
            elements, loops[cast<AffineDimExpr>(expr).getPosition()].tileSize);
      return elements > uint64_t(kTileElements);
    });
  };
  for (TileLoop &loop : loops)
    while (loop.isParallel && loop.tileSize > 1 && isTooLarge()) {
      loop.tileSize = llvm::divideCeil(loop.tileSize, 2);
      loop.isTiled = true;
    }
}

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
    loop.isParallel = iterators[i] == utils::IteratorType::parallel;
    if (!loop.isParallel) {
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
  auto contracted = llvm::make_filter_range(
      loops, [](TileLoop &loop) { return !loop.isParallel; });
  if (isContraction && llvm::hasSingleElement(contracted)) {
    TileLoop &loop = *contracted.begin();
    if (loop.tileSize > 2 * kContractedElements) {
      loop.tileSize = getContractedTile(loop.tileSize);
      split = &loop;
    }
  }
  shrinkTiles();
  // A kernel has at least one dimension.
  if (llvm::none_of(loops, [](TileLoop &loop) { return loop.isTiled; }))
    for (TileLoop &loop : loops)
      if (loop.isParallel) {
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

/// Says that the tile of `loop` starts at `offset`, and how much of it is real.
void KernelBuilder::setPosition(TileLoop &loop, Value offset) {
  loop.offset = offset;
  OpFoldResult tile = rewriter.getIndexAttr(loop.tileSize);
  std::optional<int64_t> constant = getConstantIntValue(loop.size);
  if (loop.tileSize == 1 || (constant && *constant % loop.tileSize == 0)) {
    loop.valid = tile;
    return;
  }
  AffineMap map = AffineMap::get(
      1, 1,
      {rewriter.getAffineConstantExpr(loop.tileSize),
       rewriter.getAffineSymbolExpr(0) - rewriter.getAffineDimExpr(0)},
      rewriter.getContext());
  loop.valid = affine::makeComposedFoldedAffineMin(rewriter, loc, map,
                                                   {loop.offset, loop.size});
}

/// The op on tiles; in a loop over tiles of the contracted loop, if that is
/// split. The zeros that pad the last of these add nothing.
SmallVector<Value> KernelBuilder::buildWork(ValueRange outputTiles) {
  OpBuilder::InsertionGuard guard(rewriter);
  scf::ForOp loop;
  if (split) {
    auto constant = [&](OpFoldResult value) {
      return getValueOrCreateConstantIndexOp(rewriter, loc, value);
    };
    loop = scf::ForOp::create(rewriter, loc, constant(rewriter.getIndexAttr(0)),
                              constant(split->size),
                              constant(rewriter.getIndexAttr(split->tileSize)),
                              outputTiles);
    rewriter.setInsertionPointToStart(loop.getBody());
    setPosition(*split, loop.getInductionVar());
    outputTiles = loop.getRegionIterArgs();
  }
  SmallVector<Value> tiles;
  for (OpOperand *input : op.getDpsInputOperands())
    tiles.push_back(getTile(rewriter, *input, input->get()));
  llvm::append_range(tiles, outputTiles);
  auto tiled = cast<linalg::LinalgOp>(
      mlir::clone(rewriter, op, TypeRange(outputTiles), tiles));
  SmallVector<OpFoldResult> offsets;
  for (TileLoop &loop : loops)
    offsets.push_back(loop.offset);
  linalg::offsetIndices(rewriter, tiled, offsets);
  if (!loop)
    return llvm::to_vector(ValueRange(tiled->getResults()));
  rewriter.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(rewriter, loc, tiled->getResults());
  return llvm::to_vector(ValueRange(loop.getResults()));
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
  for (TileLoop &loop : loops)
    if (loop.isTiled)
      setPosition(loop, kernel.getInductionVar(dim++));

  SmallVector<Value> outputTiles;
  for (auto [i, argument] : llvm::enumerate(kernel.getRegionIterArgs()))
    outputTiles.push_back(
        getOutputTile(rewriter, *op.getDpsInitOperand(i), argument));
  SmallVector<Value> results = buildWork(outputTiles);

  for (auto [i, argument] : llvm::enumerate(kernel.getRegionIterArgs())) {
    SmallVector<OpFoldResult> offsets, sizes;
    SmallVector<int64_t> shape;
    getSlice(*op.getDpsInitOperand(i), offsets, sizes, shape);
    SmallVector<OpFoldResult> zeros(shape.size(), rewriter.getIndexAttr(0));
    SmallVector<OpFoldResult> ones(shape.size(), rewriter.getIndexAttr(1));
    rewriter.setInsertionPointAfterValue(results[i]);
    Value rows = tensor::ExtractSliceOp::create(rewriter, loc, results[i],
                                                zeros, sizes, ones);
    rewriter.setInsertionPointToEnd(kernel.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(rewriter, loc, rows, argument,
                                          offsets, sizes, ones);
  }
  rewriter.replaceOp(op, kernel.getResults());
  return success();
}

/// A constant tensor of one value becomes a fill: as data it would take as much
/// time and space as it has elements.
static void replaceSplat(RewriterBase &rewriter, arith::ConstantOp op) {
  auto splat = dyn_cast<SplatElementsAttr>(op.getValue());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  constexpr int64_t smallConstant = 1 << 12;
  if (!splat || !type || !type.getElementType().isIntOrIndexOrFloat() ||
      type.getNumElements() <= smallConstant)
    return;
  rewriter.setInsertionPoint(op);
  Value scalar = arith::ConstantOp::create(rewriter, op.getLoc(),
                                           splat.getSplatValue<TypedAttr>());
  Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(),
                                        type.getElementType());
  rewriter.replaceOpWithNewOp<linalg::FillOp>(op, scalar, empty);
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
    SmallVector<arith::ConstantOp> constants;
    getOperation()->walk([&](arith::ConstantOp op) {
      if (!op->getParentOfType<scf::ForallOp>())
        constants.push_back(op);
    });
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op->getParentOfType<scf::ForallOp>() || !op.hasPureTensorSemantics())
        return;
      if (auto fill = dyn_cast<linalg::FillOp>(op.getOperation()))
        fills.push_back(fill);
      else
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (arith::ConstantOp op : constants)
      replaceSplat(rewriter, op);
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
