//===- Canonicalization.cpp - exact simplifications of the ops ------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every rewrite here keeps the function that an op computes: nothing depends
// on a decay being small, or on rounding.
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "DecaySource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::linattn;

/// The decay operand of one side, as a range of no or one operand.
template <typename OpTy>
static MutableOperandRange getDecayMutable(OpTy op, DecaySide side) {
  return side == DecaySide::Key ? op.getKeyDecayMutable()
                                : op.getValueDecayMutable();
}

template <typename OpTy>
static Value getDecay(OpTy op, DecaySide side) {
  return side == DecaySide::Key ? op.getKeyDecay() : op.getValueDecay();
}

/// Ops on whole sequences find the class of a decay by its rank alone.
template <typename OpTy>
static constexpr bool namesDecayClass =
    !std::is_same_v<OpTy, AttentionOp> && !std::is_same_v<OpTy, StateOp>;

/// Names the class of a decay in the op, or removes the name.
template <typename OpTy>
static void setDecayClassName(OpTy op, DecaySide side, StringAttr name) {
  if constexpr (namesDecayClass<OpTy>) {
    if (side == DecaySide::Key)
      op.setKeyDecayClassAttr(name);
    else
      op.setValueDecayClassAttr(name);
  }
}

/// The name that `op` must give to `decayClass` so that its rank is not taken
/// for another class; null if the rank is enough.
static StringAttr getNameIfNeeded(Operation *op, DecaySide side,
                                  const DecayClass &decayClass) {
  int64_t rank = getDecayOperandRoles(op, side, decayClass).size();
  if (getDecayClassOfRank(op, side, rank) == &decayClass)
    return {};
  return StringAttr::get(op->getContext(), decayClass.getName());
}

namespace {

//===----------------------------------------------------------------------===//
// Decays
//===----------------------------------------------------------------------===//

/// Drops a decay of zero: a factor of exp(0) = 1.
template <typename OpTy>
struct DropZeroDecay : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    for (DecaySide side : {DecaySide::Key, DecaySide::Value}) {
      Value decay = getDecay(op, side);
      if (!decay || !isZeroSplat(decay))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        getDecayMutable(op, side).clear();
        setDecayClassName(op, side, StringAttr());
      });
      return success();
    }
    return failure();
  }
};

/// Gives a decay that repeats its values over tokens, entries of the batch or
/// channels to the class that has no such dimension.
template <typename OpTy>
struct UseCheaperDecayClass : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    for (DecaySide side : {DecaySide::Key, DecaySide::Value}) {
      if (succeeded(rewriteSide(op, side, rewriter)))
        return success();
    }
    return failure();
  }

private:
  LogicalResult rewriteSide(OpTy op, DecaySide side,
                            PatternRewriter &rewriter) const {
    Value decay = getDecay(op, side);
    if (!decay || !isa<RankedTensorType>(decay.getType()))
      return failure();
    const DecayClass *current =
        side == DecaySide::Key ? getKeyDecayClass(op) : getValueDecayClass(op);
    SmallVector<DimRole> roles = getDecayOperandRoles(op, side, *current);

    // Cheapest first: fewer dimensions, then the order of registration.
    SmallVector<const DecayClass *> candidates;
    auto *dialect = cast<LinattnDialect>(op->getDialect());
    for (size_t rank = 0; rank < roles.size(); ++rank)
      for (const std::unique_ptr<DecayClass> &other :
           dialect->getDecayClasses())
        if (getDecayOperandRoles(op, side, *other).size() == rank &&
            isUsable(op, side, *current, *other))
          candidates.push_back(other.get());

    for (const DecayClass *candidate : candidates) {
      SmallVector<DimRole> kept = getDecayOperandRoles(op, side, *candidate);
      SmallVector<int64_t> dropped;
      SmallVector<DimRole> left;
      for (auto [dim, role] : llvm::enumerate(roles)) {
        if (llvm::is_contained(kept, role))
          left.push_back(role);
        else
          dropped.push_back(dim);
      }
      if (left != kept)
        continue;
      Value cheaper = dropRepeatedDims(rewriter, decay, dropped);
      if (!cheaper)
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        getDecayMutable(op, side).assign(cheaper);
        setDecayClassName(op, side, getNameIfNeeded(op, side, *candidate));
      });
      return success();
    }
    return failure();
  }

  /// True if `op` can use `other` in place of `current` on one side.
  static bool isUsable(OpTy op, DecaySide side, const DecayClass &current,
                       const DecayClass &other) {
    // The total of a state has the channels of its decay: its type would
    // change.
    if (std::is_same_v<OpTy, StateOp> &&
        current.isUniform() != other.isUniform())
      return false;
    return namesDecayClass<OpTy> || !getNameIfNeeded(op, side, other);
  }
};

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Drops a final state that nobody reads.
struct DropUnusedFinalState : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() < 2 || !op->getResult(1).use_empty())
      return failure();
    auto newOp = AttentionOp::create(
        rewriter, op.getLoc(), op.getOutput().getType(), op.getQuery(),
        op.getKey(), op.getValue(), op.getKeyDecay(), op.getValueDecay(),
        op.getInitialState(), op.getOffsets(), op.getOutput(),
        op.getScaleAttr(), op.getUpdateScaleAttr(), op.getDirectionAttr(),
        op.getLayoutAttr(), op.getStateLayoutAttr(), op.getScheduleAttr());
    newOp->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceAllUsesWith(op->getResult(0), newOp->getResult(0));
    rewriter.eraseOp(op);
    return success();
  }
};

/// Turns attention over one token into a step. Only forward: the reverse
/// direction reads out before it decays.
struct OneTokenToStep : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() == 0 || op.getOffsets() ||
        op.getDirection() != Direction::Forward || !hasOneToken(op))
      return failure();
    Location loc = op.getLoc();

    SmallVector<Value> inputs;
    for (OpOperand &operand : op->getOpOperands())
      inputs.push_back(collapseToken(rewriter, op, operand));
    auto take = [&](Value operand) -> Value {
      if (!operand)
        return {};
      for (auto [old, collapsed] : llvm::zip(op->getOperands(), inputs))
        if (old == operand)
          return collapsed;
      llvm_unreachable("not an operand");
    };

    Value output = take(op.getOutput());
    Value state = buildState(rewriter, op);
    auto step = StepOp::create(
        rewriter, loc, TypeRange{output.getType(), state.getType()},
        take(op.getQuery()), take(op.getKey()), take(op.getValue()),
        take(op.getKeyDecay()), take(op.getValueDecay()),
        ValueRange{output, state}, op.getScaleAttr(), op.getUpdateScaleAttr(),
        op.getStateLayoutAttr(), /*key_decay_class=*/StringAttr(),
        /*value_decay_class=*/StringAttr());
    step->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    if (const DecayClass *decayClass = getKeyDecayClass(op))
      step.setKeyDecayClassAttr(
          getNameIfNeeded(step, DecaySide::Key, *decayClass));
    if (const DecayClass *decayClass = getValueDecayClass(op))
      step.setValueDecayClassAttr(
          getNameIfNeeded(step, DecaySide::Value, *decayClass));

    SmallVector<Value> results;
    auto outputType = cast<RankedTensorType>(op->getResult(0).getType());
    results.push_back(tensor::ExpandShapeOp::create(
        rewriter, loc, outputType, step->getResult(0),
        getTokenReassociation(op, op.getOutput()),
        tensor::getMixedSizes(rewriter, loc, op.getOutput())));
    if (op->getNumResults() > 1) {
      Value finalState = step->getResult(1);
      Type type = op->getResult(1).getType();
      if (finalState.getType() != type)
        finalState = tensor::CastOp::create(rewriter, loc, type, finalState);
      results.push_back(finalState);
    }
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  static std::optional<unsigned> findToken(AttentionOp op, OpOperand &operand) {
    return findRole(op.getDimRoles(operand.getOperandNumber()), DimRole::Token);
  }

  static bool hasOneToken(AttentionOp op) {
    return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
      std::optional<unsigned> token = findToken(op, operand);
      return !token ||
             cast<ShapedType>(operand.get().getType()).getDimSize(*token) == 1;
    });
  }

  /// Puts the token dimension into the group of the dimension before it.
  static SmallVector<ReassociationIndices> getReassociation(int64_t rank,
                                                            int64_t token) {
    SmallVector<ReassociationIndices> groups;
    for (int64_t dim = 0; dim < rank; ++dim) {
      if (dim == token)
        groups.back().push_back(dim);
      else
        groups.push_back({dim});
    }
    return groups;
  }

  static SmallVector<ReassociationIndices> getTokenReassociation(AttentionOp op,
                                                                 Value output) {
    OpOperand &operand = op.getOutputsMutable()[0];
    return getReassociation(cast<ShapedType>(output.getType()).getRank(),
                            *findToken(op, operand));
  }

  static Value collapseToken(PatternRewriter &rewriter, AttentionOp op,
                             OpOperand &operand) {
    std::optional<unsigned> token = findToken(op, operand);
    if (!token)
      return operand.get();
    int64_t rank = cast<ShapedType>(operand.get().getType()).getRank();
    return tensor::CollapseShapeOp::create(rewriter, op.getLoc(), operand.get(),
                                           getReassociation(rank, *token));
  }

  /// The state that the step updates: the initial state, or zero.
  static Value buildState(PatternRewriter &rewriter, AttentionOp op) {
    if (op.getInitialState())
      return op.getInitialState();
    Location loc = op.getLoc();
    Value destination = op.getFinalState();
    if (!destination) {
      auto getSize = [&](Value operand, unsigned operandNumber, DimRole role) {
        unsigned dim = *findRole(op.getDimRoles(operandNumber), role);
        return tensor::getMixedSize(rewriter, loc, operand, dim);
      };
      unsigned outputNumber = op.getOutputsMutable()[0].getOperandNumber();
      Value output = op.getOutput();
      OpFoldResult keyChannels =
          getSize(op.getQuery(), op.getQueryMutable().getOperandNumber(),
                  DimRole::KeyChannel);
      OpFoldResult valueChannels =
          getSize(output, outputNumber, DimRole::ValueChannel);
      if (op.getStateLayout() == StateLayout::VK)
        std::swap(keyChannels, valueChannels);
      SmallVector<OpFoldResult> sizes = {
          getSize(output, outputNumber, DimRole::Batch),
          getSize(output, outputNumber, DimRole::Head), keyChannels,
          valueChannels};
      destination =
          tensor::EmptyOp::create(rewriter, loc, sizes, rewriter.getF32Type());
    }
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(0.0));
    return linalg::FillOp::create(rewriter, loc, zero, destination)
        .getResult(0);
  }
};

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

/// Uses the source of a memref.cast that only forgets sizes or strides. (The
/// tensor dialect does the same for every destination-style op.)
struct FoldMemRefCast : OpInterfaceRewritePattern<DimRoleOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(DimRoleOpInterface op,
                                PatternRewriter &rewriter) const override {
    for (OpOperand &operand : op->getOpOperands()) {
      auto cast = operand.get().getDefiningOp<memref::CastOp>();
      if (!cast || !memref::CastOp::canFoldIntoConsumerOp(cast))
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(cast.getSource()); });
      return success();
    }
    return failure();
  }
};
} // namespace

template <typename... OpTys>
static void addDecayPatterns(RewritePatternSet &patterns) {
  (patterns.add<DropZeroDecay<OpTys>, UseCheaperDecayClass<OpTys>>(
       patterns.getContext()),
   ...);
}

void LinattnDialect::getCanonicalizationPatterns(
    RewritePatternSet &patterns) const {
  addDecayPatterns<AttentionOp, StepOp, InterOp, BlockStateOp, IntraOp>(
      patterns);
  // A state without its decay has one result less: only the class changes.
  patterns.add<UseCheaperDecayClass<StateOp>>(getContext());
  patterns.add<DropUnusedFinalState, OneTokenToStep, FoldMemRefCast>(
      getContext());
}
