//===- SimplifyMaps.cpp - less work for each element ----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/Support/MathExtras.h"

namespace mlir {
namespace linattn {
namespace tile {
#define GEN_PASS_DEF_TILESIMPLIFYMAPS
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace tile
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// Whether `value` is the same for all elements of `map`.
static bool isUniform(Value value, MapOp map) {
  return !map.getBody().isAncestor(value.getParentRegion());
}

namespace {
/// Moves what is the same for all elements out of the body.
struct HoistUniform : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MapOp map,
                                PatternRewriter &rewriter) const override {
    SmallVector<Operation *> uniform;
    for (Operation &op : map.getBody().front().without_terminator())
      if (isPure(&op) && op.getNumRegions() == 0 &&
          llvm::all_of(op.getOperands(),
                       [&](Value operand) { return isUniform(operand, map); }))
        uniform.push_back(&op);
    for (Operation *op : uniform)
      rewriter.moveOpBefore(op, map);
    return success(!uniform.empty());
  }
};

/// select(c, f(select(c, x, y)), z) is select(c, f(x), z).
struct DropNestedSelect : OpRewritePattern<arith::SelectOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::SelectOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<MapOp>(op->getParentOp()))
      return failure();
    SmallVector<Value> chosen{op.getTrueValue()};
    while (!chosen.empty()) {
      Value value = chosen.pop_back_val();
      Operation *producer = value.getDefiningOp();
      // What others use too must stay as it is.
      if (!producer || producer->getBlock() != op->getBlock() ||
          !value.hasOneUse() || !isPure(producer))
        continue;
      auto nested = dyn_cast<arith::SelectOp>(producer);
      if (nested && nested.getCondition() == op.getCondition()) {
        rewriter.replaceOp(nested, nested.getTrueValue());
        return success();
      }
      llvm::append_range(chosen, producer->getOperands());
    }
    return failure();
  }
};

/// exp(s x) is exp2((s log2(e)) x), and the product in parentheses is the same
/// for all elements.
struct ScaleExponent : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    auto map = dyn_cast<MapOp>(op->getParentOp());
    auto product = op.getOperand().getDefiningOp<arith::MulFOp>();
    if (!map || !product || !op.getType().isF32())
      return failure();
    for (auto [scale, rest] : {std::pair(product.getLhs(), product.getRhs()),
                               std::pair(product.getRhs(), product.getLhs())}) {
      if (!isUniform(scale, map))
        continue;
      Location loc = op.getLoc();
      Value scaled;
      {
        OpBuilder::InsertionGuard guard(rewriter);
        rewriter.setInsertionPoint(map);
        Value log2e = arith::ConstantOp::create(
            rewriter, loc, rewriter.getF32FloatAttr(llvm::numbers::log2ef));
        scaled = arith::MulFOp::create(rewriter, loc, scale, log2e);
      }
      Value exponent = arith::MulFOp::create(rewriter, loc, scaled, rest);
      rewriter.replaceOpWithNewOp<math::Exp2Op>(op, exponent);
      return success();
    }
    return failure();
  }
};

struct SimplifyMaps : linattn::tile::impl::TileSimplifyMapsBase<SimplifyMaps> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<HoistUniform, DropNestedSelect, ScaleExponent>(&getContext());
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns),
                                  GreedyRewriteConfig().enableConstantCSE())))
      signalPassFailure();
  }
};
} // namespace
