//===- ToRecurrence.cpp - lower named ops to a loop over tokens -----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//
// The definition of the ops, as code. Nothing here knows about chunks, so it
// stands for the lowerings that do.
//
//===----------------------------------------------------------------------===//

#include "HeadSlicer.h"
#include "RuntimeChecks.h"
#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"
#include "linattn/Dialect/Linattn/Transforms/Transforms.h"
#include "linattn/Dialect/Linattn/Utils/TileBuilder.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNTORECURRENCE
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

static Value returnInput(OpBuilder &, Location, ValueRange args) {
  return args[0];
}

/// Whether one of the tensors that an op multiplies is of f32.
static bool multipliesF32(Operation *op) {
  auto isF32 = [](Value value) {
    return getElementTypeOrSelf(value.getType()).isF32();
  };
  if (auto attention = dyn_cast<AttentionOp>(op))
    return isF32(attention.getQuery()) || isF32(attention.getKey()) ||
           isF32(attention.getValue());
  auto state = cast<StateOp>(op);
  return isF32(state.getKey()) || isF32(state.getValue());
}

namespace {
/// Work on one token of one head, for any of the named ops. States keep the
/// order of channels that they have in memory.
template <typename OpTy>
class TokenBuilder {
public:
  TokenBuilder(OpTy op, HeadSlicer &slicer)
      : op(op), slicer(slicer), t(slicer.getBuilder(), slicer.getLoc()),
        stateLetters(op.getStateLayout() == StateLayout::KV ? "kv" : "vk") {}

  /// exp of the log-decay of token `token`, [] or [D], and the letters of its
  /// dimensions. Null if that side has no decay.
  struct Factor {
    Value value;
    StringRef letters;
  };
  SmallVector<Factor> loadFactors(OpFoldResult token) {
    SmallVector<Factor> factors;
    auto load = [&](const DecayClass *decayClass, MutableOperandRange operand,
                    StringRef channel) {
      if (!decayClass)
        return;
      OperandRange range = operand;
      Value decay =
          slicer.getSlice(range.getBeginOperandIndex(), token, std::nullopt);
      factors.push_back({t.exponential(t.widen(decay)),
                         decayClass->isUniform() ? "" : channel});
    };
    load(getKeyDecayClass(op), op.getKeyDecayMutable(), "k");
    load(getValueDecayClass(op), op.getValueDecayMutable(), "v");
    return factors;
  }

  /// S o factors (+ u k v^T, if there is a key).
  Value update(Value state, ArrayRef<Factor> factors, Value key, Value value) {
    if (factors.empty() && !key)
      return state;
    SmallVector<Value> inputs;
    std::string expression;
    auto add = [&](Value input, StringRef letters) {
      expression += (inputs.empty() ? "" : ",") + letters.str();
      inputs.push_back(input);
    };
    for (const Factor &factor : factors)
      add(factor.value, factor.letters);
    Value scale;
    if (key) {
      add(key, "k");
      add(value, "v");
      float updateScale = op.getUpdateScale().convertToFloat();
      if (updateScale != 1.0f)
        scale = t.constantF32(updateScale);
    }
    return t.mapInto(
        expression + "->" + stateLetters, inputs, state,
        [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
          Value result = args.back();
          for (Value factor : args.take_front(factors.size()))
            result = arith::MulFOp::create(b, loc, result, factor);
          if (!key)
            return result;
          auto widen = [&](Value value) -> Value {
            if (value.getType().isF32())
              return value;
            return arith::ExtFOp::create(b, loc, b.getF32Type(), value);
          };
          Value keyElement = widen(args[factors.size()]);
          Value valueElement = widen(args[factors.size() + 1]);
          if (scale)
            keyElement = arith::MulFOp::create(b, loc, keyElement, scale);
          Value product =
              arith::MulFOp::create(b, loc, keyElement, valueElement);
          return arith::AddFOp::create(b, loc, result, product);
        });
  }

  /// s S^T q, rounded into `destination`.
  Value read(Value state, Value query, Value destination) {
    Value sum = t.contract("k," + stateLetters + "->v", query, state);
    sum = t.scale(sum, op.getScale().convertToFloat());
    Type element =
        cast<RankedTensorType>(destination.getType()).getElementType();
    return t.mapInto("v->v", sum, destination,
                     [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       if (element.isF32())
                         return args[0];
                       return arith::TruncFOp::create(b, loc, element, args[0]);
                     });
  }

  /// The operand's row for `token`: [D].
  Value loadRow(OpOperand &operand, OpFoldResult token) {
    return slicer.getSlice(operand.getOperandNumber(), token, std::nullopt);
  }

  /// A loop over the tokens of the sequence in the op's direction.
  SmallVector<Value>
  forEachToken(ValueRange carried,
               llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    OpBuilder &b = slicer.getBuilder();
    Location loc = slicer.getLoc();
    Value length = getValueOrCreateConstantIndexOp(b, loc, slicer.getLength());
    Value zero = t.constantIndex(0), one = t.constantIndex(1);
    auto loop = scf::ForOp::create(b, loc, zero, length, one, carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value token = loop.getInductionVar();
    if (op.getDirection() == Direction::Reverse) {
      Value last = arith::SubIOp::create(b, loc, length, one);
      token = arith::SubIOp::create(b, loc, last, token);
    }
    scf::YieldOp::create(b, loc, body(token, loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults());
  }

  /// The state that a sequence starts from, in a buffer of its own.
  Value zeroState(Value key, Value value) {
    int64_t keyChannels = TileBuilder::getShape(key).back();
    int64_t valueChannels = TileBuilder::getShape(value).back();
    if (stateLetters == "kv")
      return t.filled({keyChannels, valueChannels}, 0.0f);
    return t.filled({valueChannels, keyChannels}, 0.0f);
  }

  OpTy op;
  HeadSlicer &slicer;
  TileBuilder t;
  std::string stateLetters;
};

struct StepToRecurrence : OpRewritePattern<StepOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(StepOp op,
                                PatternRewriter &rewriter) const override {
    std::string obstacle =
        findObstacle(cast<DimRoleOpInterface>(op.getOperation()));
    if (!obstacle.empty())
      return rewriter.notifyMatchFailure(op, obstacle);
    op = cast<StepOp>(
        padEmptyHeads(rewriter, cast<DimRoleOpInterface>(op.getOperation()))
            .getOperation());
    auto body = [&](HeadSlicer &slicer) -> SmallVector<Value> {
      TokenBuilder<StepOp> token(op, slicer);
      OpFoldResult zero = rewriter.getIndexAttr(0);
      Value state = token.update(slicer.getOutput(1), token.loadFactors(zero),
                                 token.loadRow(op.getKeyMutable(), zero),
                                 token.loadRow(op.getValueMutable(), zero));
      Value output =
          token.read(state, token.loadRow(op.getQueryMutable(), zero),
                     slicer.getOutput(0));
      return {output, state};
    };
    HeadSlicer::buildHeadLoop(
        rewriter, cast<DimRoleOpInterface>(op.getOperation()), body);
    return success();
  }
};

struct AttentionToRecurrence : OpRewritePattern<AttentionOp> {
  AttentionToRecurrence(MLIRContext *context, bool onlyF32)
      : OpRewritePattern(context), onlyF32(onlyF32) {}

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (onlyF32 && !multipliesF32(op))
      return rewriter.notifyMatchFailure(op, "no operand is of f32");
    std::string obstacle =
        findObstacle(cast<DimRoleOpInterface>(op.getOperation()));
    if (!obstacle.empty())
      return rewriter.notifyMatchFailure(op, obstacle);
    op = cast<AttentionOp>(
        padEmptyHeads(rewriter, cast<DimRoleOpInterface>(op.getOperation()))
            .getOperation());
    auto body = [&](HeadSlicer &slicer) -> SmallVector<Value> {
      OpBuilder &b = slicer.getBuilder();
      Location loc = slicer.getLoc();
      TokenBuilder<AttentionOp> token(op, slicer);
      bool forward = op.getDirection() == Direction::Forward;
      Value initial = token.zeroState(op.getKey(), op.getValue());
      if (op.getInitialState())
        // A copy: the recurrence updates its state in place.
        initial = token.t.mapInto(
            "ij->ij",
            slicer.getSlice(op.getInitialStateMutable()[0].getOperandNumber()),
            initial, returnInput);
      auto step = [&](Value row, ValueRange carried) -> SmallVector<Value> {
        SmallVector<typename TokenBuilder<AttentionOp>::Factor> factors =
            token.loadFactors(OpFoldResult(row));
        Value key = token.loadRow(op.getKeyMutable(), OpFoldResult(row));
        Value value = token.loadRow(op.getValueMutable(), OpFoldResult(row));
        Value query = token.loadRow(op.getQueryMutable(), OpFoldResult(row));
        // Reverse reads before the token's own decay.
        Value state = forward ? token.update(carried[0], factors, key, value)
                              : token.update(carried[0], {}, key, value);

        auto rowsType = cast<RankedTensorType>(carried[1].getType());
        OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
        SmallVector<OpFoldResult> offsets = {OpFoldResult(row), zero};
        SmallVector<OpFoldResult> sizes = {
            one, b.getIndexAttr(rowsType.getDimSize(1))};
        SmallVector<OpFoldResult> strides = {one, one};
        Value destination = tensor::ExtractSliceOp::create(
            b, loc,
            RankedTensorType::get(rowsType.getDimSize(1),
                                  rowsType.getElementType()),
            carried[1], offsets, sizes, strides);
        Value output = token.read(state, query, destination);
        Value rows = tensor::InsertSliceOp::create(b, loc, output, carried[1],
                                                   offsets, sizes, strides);
        if (!forward)
          state = token.update(state, factors, Value(), Value());
        return {state, rows};
      };
      SmallVector<Value> results =
          token.forEachToken({initial, slicer.getOutput(0)}, step);
      SmallVector<Value> outputs = {results[1]};
      if (op.getFinalState())
        outputs.push_back(token.t.mapInto("ij->ij", results[0],
                                          slicer.getOutput(1), returnInput));
      return outputs;
    };
    HeadSlicer::buildHeadLoop(
        rewriter, cast<DimRoleOpInterface>(op.getOperation()), body);
    return success();
  }

private:
  bool onlyF32;
};

struct StateToRecurrence : OpRewritePattern<StateOp> {
  StateToRecurrence(MLIRContext *context, bool onlyF32)
      : OpRewritePattern(context), onlyF32(onlyF32) {}

  LogicalResult matchAndRewrite(StateOp op,
                                PatternRewriter &rewriter) const override {
    if (onlyF32 && !multipliesF32(op))
      return rewriter.notifyMatchFailure(op, "no operand is of f32");
    std::string obstacle =
        findObstacle(cast<DimRoleOpInterface>(op.getOperation()));
    if (!obstacle.empty())
      return rewriter.notifyMatchFailure(op, obstacle);
    op = cast<StateOp>(
        padEmptyHeads(rewriter, cast<DimRoleOpInterface>(op.getOperation()))
            .getOperation());
    auto body = [&](HeadSlicer &slicer) -> SmallVector<Value> {
      TokenBuilder<StateOp> token(op, slicer);
      bool forward = op.getDirection() == Direction::Forward;

      // Carried: the state, then the total of every side that decays.
      SmallVector<Value> carried = {
          token.zeroState(op.getKey(), op.getValue())};
      SmallVector<unsigned> decays;
      for (MutableOperandRange operand :
           {op.getKeyDecayMutable(), op.getValueDecayMutable()}) {
        OperandRange range = operand;
        if (range.empty())
          continue;
        decays.push_back(range.getBeginOperandIndex());
        Value destination = slicer.getOutput(carried.size());
        carried.push_back(
            token.t.filled(TileBuilder::getShape(destination), 0.0f));
      }
      auto step = [&](Value row, ValueRange args) -> SmallVector<Value> {
        OpFoldResult at(row);
        auto factors = token.loadFactors(at);
        Value key = token.loadRow(op.getKeyMutable(), at);
        Value value = token.loadRow(op.getValueMutable(), at);
        Value state;
        if (forward) {
          state = token.update(args[0], factors, key, value);
        } else {
          state = token.update(args[0], {}, key, value);
          state = token.update(state, factors, Value(), Value());
        }
        SmallVector<Value> next = {state};
        for (auto [operandNumber, total] :
             llvm::zip_equal(decays, args.drop_front())) {
          Value decay =
              token.t.widen(slicer.getSlice(operandNumber, at, std::nullopt));
          bool isUniform = TileBuilder::getShape(total).empty();
          next.push_back(token.t.mapInto(
              isUniform ? "->" : "d->d", decay, total,
              [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                return arith::AddFOp::create(b, loc, args[0], args[1]);
              }));
        }
        return next;
      };
      SmallVector<Value> results = token.forEachToken(carried, step);
      SmallVector<Value> outputs;
      for (auto [index, result] : llvm::enumerate(results)) {
        size_t rank = TileBuilder::getShape(result).size();
        std::string letters = StringRef("ij").take_front(rank).str();
        outputs.push_back(token.t.mapInto(letters + "->" + letters, result,
                                          slicer.getOutput(index),
                                          returnInput));
      }
      return outputs;
    };
    HeadSlicer::buildHeadLoop(
        rewriter, cast<DimRoleOpInterface>(op.getOperation()), body);
    return success();
  }

private:
  bool onlyF32;
};

struct ToRecurrence : linattn::impl::LinattnToRecurrenceBase<ToRecurrence> {
  using Base::Base;

  void runOnOperation() override {
    // What the patterns do not match is the user's to mend.
    WalkResult result = getOperation()->walk([&](Operation *op) {
      bool isLowered =
          isa<StepOp>(op) || (isa<AttentionOp, StateOp>(op) &&
                              (!stepsOnly || (alsoF32 && multipliesF32(op))));
      if (!isLowered)
        return WalkResult::advance();
      std::string obstacle = findObstacle(cast<DimRoleOpInterface>(op));
      if (obstacle.empty())
        return WalkResult::advance();
      op->emitOpError() << obstacle;
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();

    RewritePatternSet patterns(&getContext());
    populateToRecurrencePatterns(patterns, stepsOnly, alsoF32);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

void mlir::linattn::populateToRecurrencePatterns(RewritePatternSet &patterns,
                                                 bool stepsOnly, bool alsoF32) {
  patterns.add<StepToRecurrence>(patterns.getContext());
  if (!stepsOnly || alsoF32)
    patterns.add<AttentionToRecurrence, StateToRecurrence>(
        patterns.getContext(), /*onlyF32=*/stepsOnly);
}
