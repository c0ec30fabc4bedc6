//===- LowerPadding.cpp - write padded tiles in place ---------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNLOWERPADDING
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

/// Writes `value` to the slab of `tile` at `offsets` of `sizes`.
static Value fillSlab(OpBuilder &builder, Location loc, Value value, Value tile,
                      ArrayRef<OpFoldResult> offsets,
                      ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  Value slab = tensor::ExtractSliceOp::create(builder, loc, tile, offsets,
                                              sizes, strides);
  Value filled = linalg::FillOp::create(builder, loc, value, slab).getResult(0);
  return tensor::InsertSliceOp::create(builder, loc, filled, tile, offsets,
                                       sizes, strides);
}

static LogicalResult lowerPad(tensor::PadOp pad, RewriterBase &rewriter) {
  Value value = pad.getConstantPaddingValue();
  if (!value)
    return pad.emitOpError("pads with a value that is not a constant: expected "
                           "neutral rows or columns, see the normal form");
  Location loc = pad.getLoc();
  rewriter.setInsertionPoint(pad);
  // A constant defined in the region of the op does not dominate its users.
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    value = rewriter.clone(*constant)->getResult(0);

  int64_t rank = pad.getResultType().getRank();
  SmallVector<OpFoldResult> low = pad.getMixedLowPad();
  SmallVector<OpFoldResult> high = pad.getMixedHighPad();
  SmallVector<OpFoldResult> source =
      tensor::getMixedSizes(rewriter, loc, pad.getSource());
  AffineExpr s0 = rewriter.getAffineSymbolExpr(0);
  AffineExpr s1 = rewriter.getAffineSymbolExpr(1);
  auto add = [&](OpFoldResult a, OpFoldResult b) {
    return affine::makeComposedFoldedAffineApply(rewriter, loc, s0 + s1,
                                                 {a, b});
  };
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (pad.getResultType().isDynamicDim(dim))
      sizes.push_back(add(add(source[dim], low[dim]), high[dim]));
    else
      sizes.push_back(
          rewriter.getIndexAttr(pad.getResultType().getDimSize(dim)));
  }
  Value tile = tensor::EmptyOp::create(rewriter, loc, sizes,
                                       pad.getResultType().getElementType());

  // Slabs of later dimensions leave out what those of earlier ones cover.
  SmallVector<OpFoldResult> offsets(rank, rewriter.getIndexAttr(0));
  SmallVector<OpFoldResult> extents = sizes;
  for (int64_t dim = 0; dim < rank; ++dim) {
    for (bool isHigh : {false, true}) {
      OpFoldResult amount = isHigh ? high[dim] : low[dim];
      if (isConstantIntValue(amount, 0))
        continue;
      SmallVector<OpFoldResult> slabOffsets = offsets, slabSizes = extents;
      slabOffsets[dim] = isHigh ? add(low[dim], source[dim])
                                : OpFoldResult(rewriter.getIndexAttr(0));
      slabSizes[dim] = amount;
      tile = fillSlab(rewriter, loc, value, tile, slabOffsets, slabSizes);
    }
    offsets[dim] = low[dim];
    extents[dim] = source[dim];
  }

  SmallVector<OpFoldResult> strides(rank, rewriter.getIndexAttr(1));
  Value inner =
      tensor::ExtractSliceOp::create(rewriter, loc, tile, low, source, strides);
  // A source that is computed for the tile alone is computed in the tile.
  Value copy;
  auto map = pad.getSource().getDefiningOp<linalg::GenericOp>();
  if (map && map->hasOneUse() && map->getBlock() == pad->getBlock() &&
      map->getNumResults() == 1 &&
      map.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>() &&
      inner.getType() == map.getResult(0).getType()) {
    Operation *clone = rewriter.clone(*map);
    clone->setOperand(map.getNumDpsInputs(), inner);
    copy = clone->getResult(0);
  } else {
    if (inner.getType() != pad.getSource().getType())
      inner = tensor::CastOp::create(rewriter, loc, pad.getSource().getType(),
                                     inner);
    copy = linalg::CopyOp::create(rewriter, loc, pad.getSource(), inner)
               .getResult(0);
  }
  Value result = tensor::InsertSliceOp::create(rewriter, loc, copy, tile, low,
                                               source, strides);
  if (result.getType() != pad.getResultType())
    result = tensor::CastOp::create(rewriter, loc, pad.getResultType(), result);
  rewriter.replaceOp(pad, result);
  if (map && isOpTriviallyDead(map))
    rewriter.eraseOp(map);
  return success();
}

namespace {
struct LowerPadding : linattn::impl::LinattnLowerPaddingBase<LowerPadding> {
  using Base::Base;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<tensor::PadOp> pads;
    getOperation()->walk([&](tensor::PadOp pad) { pads.push_back(pad); });
    for (tensor::PadOp pad : pads)
      if (failed(lowerPad(pad, rewriter)))
        return signalPassFailure();
  }
};
} // namespace
