//===- ChainContractions.cpp - accumulate into what is added --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "linattn/NormalForm/TileOps.h"
#include "linattn/Planner/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNCHAINCONTRACTIONS
#include "linattn/Planner/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Whether `value` is computed from `source`.
static bool dependsOn(Value value, Value source) {
  if (value == source)
    return true;
  Operation *op = value.getDefiningOp();
  return op && op->getBlock() == source.getParentBlock() &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           return dependsOn(operand, source);
         });
}

/// Whether an operand of `contraction` comes from another one: it is issued
/// later then.
static bool waitsForAnother(Operation *contraction) {
  SmallVector<Value> open(contraction->getOperands());
  DenseSet<Operation *> seen;
  while (!open.empty()) {
    Operation *op = open.pop_back_val().getDefiningOp();
    if (!op || op->getBlock() != contraction->getBlock() ||
        !seen.insert(op).second)
      continue;
    if (auto other = dyn_cast<linalg::LinalgOp>(op);
        other && isContraction(other))
      return true;
    llvm::append_range(open, op->getOperands());
  }
  return false;
}

namespace {
struct ChainContraction : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isMap(op) || op.getNumDpsInits() != 1 || op->getNumResults() != 1)
      return failure();
    auto sum = op.getBlock()
                   ->getTerminator()
                   ->getOperand(0)
                   .getDefiningOp<arith::AddFOp>();
    if (!sum || sum->getBlock() != op.getBlock())
      return failure();
    OpOperand *added = nullptr;
    Value rest;
    for (auto [term, other] : {std::pair(sum.getLhs(), sum.getRhs()),
                               std::pair(sum.getRhs(), sum.getLhs())}) {
      auto arg = dyn_cast<BlockArgument>(term);
      if (!arg || arg.getOwner() != op.getBlock() || dependsOn(other, arg))
        continue;
      OpOperand *operand = op.getMatchingOpOperand(arg);
      auto contraction = operand->get().getDefiningOp<linalg::LinalgOp>();
      if (!contraction || !isContraction(contraction) ||
          contraction->getBlock() != op->getBlock() ||
          !operand->get().hasOneUse() ||
          !KernelBody::isZero(contraction.getDpsInits()[0]) ||
          operand->get().getType() != op->getResult(0).getType() ||
          op.getMatchingIndexingMap(operand) !=
              op.getMatchingIndexingMap(op.getDpsInitOperand(0)))
        continue;
      // The one that can begin later takes over from the other.
      if (added) {
        Operation *other = added->get().getDefiningOp();
        bool isLater = waitsForAnother(contraction),
             isOtherLater = waitsForAnother(other);
        if (isLater == isOtherLater ? contraction->isBeforeInBlock(other)
                                    : isOtherLater)
          continue;
      }
      added = operand;
      rest = other;
    }
    if (!added)
      return failure();

    // The map without the term.
    Operation *contraction = added->get().getDefiningOp();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    auto others = cast<linalg::GenericOp>(rewriter.clone(*op));
    auto inner = cast<arith::AddFOp>(
        others.getBlock()->getTerminator()->getOperand(0).getDefiningOp());
    bool isLeft = sum.getRhs() == rest;
    rewriter.modifyOpInPlace(others, [&] {
      others.getBlock()->getTerminator()->setOperand(
          0, isLeft ? inner.getRhs() : inner.getLhs());
      rewriter.eraseOp(inner);
      Value empty = tensor::EmptyOp::create(
          rewriter, op.getLoc(), type.getShape(), type.getElementType());
      // What is not read needs no value.
      others->setOperand(added->getOperandNumber(), empty);
    });
    others->moveAfter(
        others->getOperand(added->getOperandNumber()).getDefiningOp());
    rewriter.setInsertionPoint(op);
    Operation *chained = rewriter.clone(*contraction);
    chained->setOperand(cast<linalg::LinalgOp>(chained)
                            .getDpsInitOperand(0)
                            ->getOperandNumber(),
                        others->getResult(0));
    rewriter.replaceOp(op, chained->getResults());
    return success();
  }
};

struct LinattnChainContractions
    : linattn::impl::LinattnChainContractionsBase<LinattnChainContractions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ChainContraction>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
