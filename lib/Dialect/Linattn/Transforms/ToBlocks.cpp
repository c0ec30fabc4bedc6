//===- ToBlocks.cpp - cut named ops into chunks of block ops --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/Support/MathExtras.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNTOBLOCKS
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

namespace {
/// The chunk loop of one head: loads padded tiles, runs block ops on them and
/// carries the state. What a chunk does besides updating the state is up to
/// the op that is lowered.
template <typename OpTy>
class ChunkLoop {
public:
  ChunkLoop(OpTy op, HeadSlicer &slicer)
      : op(op), slicer(slicer), b(slicer.getBuilder()), loc(slicer.getLoc()),
        t(b, loc), schedule(*op.getSchedule()), chunk(schedule.getChunk()) {}

  /// The carried state: the initial state, padded, or zero. [Dk, Dv]
  Value loadState(unsigned operandNumber) {
    Value state = toKeyValueOrder(slicer.getSlice(operandNumber));
    ArrayRef<int64_t> shape = TileBuilder::getShape(state);
    return pad(state, {alignHead(shape[0]), alignHead(shape[1])});
  }
  Value zeroState(int64_t keyChannels, int64_t valueChannels) {
    return t.filled({alignHead(keyChannels), alignHead(valueChannels)}, 0.0f);
  }

  /// The state, cut to its real channels, in place of the slice `destination`.
  Value storeState(Value state, Value destination) {
    bool isTransposed = op.getStateLayout() == StateLayout::VK;
    SmallVector<int64_t> shape(TileBuilder::getShape(destination));
    if (isTransposed)
      std::swap(shape[0], shape[1]);
    Value real = t.getBlock(state, {0, 0}, shape);
    return t.mapInto(
        isTransposed ? "kv->vk" : "kv->kv", real, destination,
        [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  }

  /// Builds the loop over chunks. `body` runs with the builder in the loop.
  SmallVector<Value>
  build(ValueRange carried,
        llvm::function_ref<SmallVector<Value>(ValueRange)> body) {
    Value length = getValueOrCreateConstantIndexOp(b, loc, slicer.getLength());
    Value size = t.constantIndex(chunk);
    Value numChunks = arith::CeilDivUIOp::create(b, loc, length, size);
    Value zero = t.constantIndex(0), one = t.constantIndex(1);
    auto loop = scf::ForOp::create(b, loc, zero, numChunks, one, carried);
    OpBuilder::InsertionGuard guard(b);
    // scf.for without iteration arguments would have built its terminator.
    b.setInsertionPointToStart(loop.getBody());
    Value index = loop.getInductionVar();
    if (op.getDirection() == Direction::Reverse) {
      Value last = arith::SubIOp::create(b, loc, numChunks, one);
      index = arith::SubIOp::create(b, loc, last, index);
    }
    start = arith::MulIOp::create(b, loc, index, size);
    Value rest = arith::SubIOp::create(b, loc, length, start);
    valid = arith::MinUIOp::create(b, loc, rest, size);
    scf::YieldOp::create(b, loc, body(loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults());
  }

  /// The tile of an operand in this chunk: padded to whole chunks, if it has
  /// tokens, and to aligned heads, if it has channels.
  Value loadTile(unsigned operandNumber) {
    Value slice = slicer.getSlice(operandNumber, start, OpFoldResult(valid));
    SmallVector<int64_t> shape;
    for (DimRole role : cast<DimRoleOpInterface>(op.getOperation())
                            .getDimRoles(operandNumber)) {
      if (role == DimRole::Token)
        shape.push_back(chunk);
      else if (role == DimRole::KeyChannel || role == DimRole::ValueChannel)
        shape.push_back(alignHead(TileBuilder::getShape(slice)[shape.size()]));
    }
    return pad(slice, shape);
  }
  Value loadOptionalTile(MutableOperandRange operand) {
    OperandRange range = operand;
    if (range.empty())
      return Value();
    return loadTile(range.getBeginOperandIndex());
  }

  /// Stores the valid rows of an f32 tile into `rows`, [N, D].
  Value storeRows(Value tile, Value rows) {
    auto type = cast<RankedTensorType>(rows.getType());
    int64_t channels = type.getDimSize(1);
    Type element = type.getElementType();
    if (!element.isF32())
      tile = t.mapInto(
          "cv->cv", tile, t.empty(TileBuilder::getShape(tile), element),
          [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
            return arith::TruncFOp::create(b, loc, element, args[0]);
          });
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> sizes = {OpFoldResult(valid),
                                       b.getIndexAttr(channels)};
    Value real = tensor::ExtractSliceOp::create(
        b, loc, tile, ArrayRef<OpFoldResult>{zero, zero}, sizes,
        ArrayRef<OpFoldResult>{one, one});
    return tensor::InsertSliceOp::create(
        b, loc, real, rows, ArrayRef<OpFoldResult>{OpFoldResult(start), zero},
        sizes, ArrayRef<OpFoldResult>{one, one});
  }

  Value getValid() const { return valid; }

private:
  int64_t alignHead(int64_t channels) {
    // A head of no channels still needs a tile.
    return llvm::alignTo(std::max<int64_t>(channels, 1),
                         schedule.getHeadAlign());
  }

  Value toKeyValueOrder(Value state) {
    if (op.getStateLayout() == StateLayout::KV)
      return state;
    return t.map("vk->kv", state, [](OpBuilder &, Location, ValueRange args) {
      return args[0];
    });
  }

  /// Pads a slice with neutral elements to a static shape.
  Value pad(Value slice, ArrayRef<int64_t> shape) {
    auto type = cast<RankedTensorType>(slice.getType());
    if (type.getShape() == shape)
      return slice;
    SmallVector<OpFoldResult> low(shape.size(), b.getIndexAttr(0)), high;
    for (auto [dim, size] : llvm::enumerate(shape)) {
      if (!type.isDynamicDim(dim)) {
        high.push_back(b.getIndexAttr(size - type.getDimSize(dim)));
        continue;
      }
      Value missing =
          arith::SubIOp::create(b, loc, t.constantIndex(size), valid);
      high.push_back(missing);
    }
    Value zero =
        arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
    return tensor::PadOp::create(
        b, loc, RankedTensorType::get(shape, type.getElementType()), slice, low,
        high, zero);
  }

  OpTy op;
  HeadSlicer &slicer;
  OpBuilder &b;
  Location loc;
  TileBuilder t;
  ScheduleAttr schedule;
  int64_t chunk;
  /// In the loop: the first token of the chunk, and its number of tokens.
  Value start, valid;
};
} // namespace

template <typename OpTy>
static int64_t getChannels(OpTy op, Value operand) {
  return cast<ShapedType>(operand.getType()).getShape().back();
}

/// What must hold besides the op's own constraints.
template <typename OpTy>
static LogicalResult checkBlockable(OpTy op, PatternRewriter &rewriter) {
  if (!op.getSchedule())
    return rewriter.notifyMatchFailure(op, "expects a schedule");
  std::string obstacle =
      findObstacle(cast<DimRoleOpInterface>(op.getOperation()));
  if (!obstacle.empty())
    return rewriter.notifyMatchFailure(op, obstacle);
  return success();
}

namespace {
struct AttentionToBlocks : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (failed(checkBlockable(op, rewriter)))
      return failure();
    op = cast<AttentionOp>(
        padEmptyHeads(rewriter, cast<DimRoleOpInterface>(op.getOperation()))
            .getOperation());
    auto buildBody = [&](HeadSlicer &slicer) -> SmallVector<Value> {
      OpBuilder &b = slicer.getBuilder();
      Location loc = slicer.getLoc();
      ChunkLoop<AttentionOp> loop(op, slicer);
      Value initial =
          op.getInitialState()
              ? loop.loadState(
                    op.getInitialStateMutable()[0].getOperandNumber())
              : loop.zeroState(getChannels(op, op.getKey()),
                               getChannels(op, op.getValue()));
      StringAttr keyClass =
          getTileDecayClassName(getKeyDecayClass(op), b.getContext());
      StringAttr valueClass =
          getTileDecayClassName(getValueDecayClass(op), b.getContext());
      auto buildChunk = [&](ValueRange carried) -> SmallVector<Value> {
        TileBuilder t(b, loc);
        Value state = carried[0];
        Value query = loop.loadTile(op.getQueryMutable().getOperandNumber());
        Value key = loop.loadTile(op.getKeyMutable().getOperandNumber());
        Value value = loop.loadTile(op.getValueMutable().getOperandNumber());
        Value keyDecay = loop.loadOptionalTile(op.getKeyDecayMutable());
        Value valueDecay = loop.loadOptionalTile(op.getValueDecayMutable());
        Value output = t.filled(
            {TileBuilder::getShape(query)[0], TileBuilder::getShape(value)[1]},
            0.0f);
        // From zero, so that all decay classes round alike: inter adds to it.
        output = IntraOp::create(
                     b, loc, output.getType(), query, key, value, keyDecay,
                     valueDecay, loop.getValid(), output, op.getScaleAttr(),
                     op.getUpdateScaleAttr(), op.getDirectionAttr(),
                     b.getI64IntegerAttr(op.getSchedule()->getSubChunk()),
                     keyClass, valueClass)
                     .getResult(0);
        output = InterOp::create(b, loc, output.getType(), query, state,
                                 keyDecay, valueDecay, loop.getValid(), output,
                                 op.getScaleAttr(), op.getDirectionAttr(),
                                 keyClass, valueClass)
                     .getResult(0);
        state = BlockStateOp::create(
                    b, loc, state.getType(), key, value, keyDecay, valueDecay,
                    loop.getValid(), state, op.getUpdateScaleAttr(),
                    op.getDirectionAttr(), keyClass, valueClass)
                    .getResult(0);
        return {state, loop.storeRows(output, carried[1])};
      };
      SmallVector<Value> results =
          loop.build({initial, slicer.getOutput(0)}, buildChunk);
      SmallVector<Value> outputs = {results[1]};
      if (op.getFinalState())
        outputs.push_back(loop.storeState(results[0], slicer.getOutput(1)));
      return outputs;
    };
    HeadSlicer::buildHeadLoop(
        rewriter, cast<DimRoleOpInterface>(op.getOperation()), buildBody);
    return success();
  }
};

struct StateToBlocks : OpRewritePattern<StateOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(StateOp op,
                                PatternRewriter &rewriter) const override {
    if (failed(checkBlockable(op, rewriter)))
      return failure();
    op = cast<StateOp>(
        padEmptyHeads(rewriter, cast<DimRoleOpInterface>(op.getOperation()))
            .getOperation());
    auto buildBody = [&](HeadSlicer &slicer) -> SmallVector<Value> {
      OpBuilder &b = slicer.getBuilder();
      Location loc = slicer.getLoc();
      TileBuilder outer(b, loc);
      ChunkLoop<StateOp> loop(op, slicer);

      // Carried: the state, then the total of every side that decays.
      SmallVector<Value> carried = {loop.zeroState(
          getChannels(op, op.getKey()), getChannels(op, op.getValue()))};
      SmallVector<const DecayClass *> classes;
      auto carryTotal = [&](const DecayClass *decayClass, unsigned channelDim) {
        if (!decayClass)
          return;
        classes.push_back(decayClass);
        SmallVector<int64_t> shape;
        if (!decayClass->isUniform())
          shape.push_back(TileBuilder::getShape(carried[0])[channelDim]);
        carried.push_back(outer.filled(shape, 0.0f));
      };
      carryTotal(getKeyDecayClass(op), 0);
      carryTotal(getValueDecayClass(op), 1);

      auto buildChunk = [&](ValueRange args) -> SmallVector<Value> {
        TileBuilder t(b, loc);
        Value key = loop.loadTile(op.getKeyMutable().getOperandNumber());
        Value value = loop.loadTile(op.getValueMutable().getOperandNumber());
        Value keyDecay = loop.loadOptionalTile(op.getKeyDecayMutable());
        Value valueDecay = loop.loadOptionalTile(op.getValueDecayMutable());
        SmallVector<Value> next = {
            BlockStateOp::create(
                b, loc, args[0].getType(), key, value, keyDecay, valueDecay,
                loop.getValid(), args[0], op.getUpdateScaleAttr(),
                op.getDirectionAttr(),
                getTileDecayClassName(getKeyDecayClass(op), b.getContext()),
                getTileDecayClassName(getValueDecayClass(op), b.getContext()))
                .getResult(0)};
        SmallVector<Value> decays;
        for (Value decay : {keyDecay, valueDecay})
          if (decay)
            decays.push_back(t.widen(decay));
        for (auto [decayClass, decay, total] :
             llvm::zip_equal(classes, decays, args.drop_front())) {
          Value chunkTotal = decayClass->buildTotal(
              b, loc, decay, loop.getValid(), op.getSchedule()->getChunk());
          bool isUniform = decayClass->isUniform();
          next.push_back(t.mapInto(
              isUniform ? "->" : "d->d", chunkTotal, total,
              [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                return arith::AddFOp::create(b, loc, args[0], args[1]);
              }));
        }
        return next;
      };
      SmallVector<Value> results = loop.build(carried, buildChunk);

      SmallVector<Value> outputs = {
          loop.storeState(results[0], slicer.getOutput(0))};
      for (auto [index, total] :
           llvm::enumerate(ArrayRef(results).drop_front())) {
        Value destination = slicer.getOutput(index + 1);
        ArrayRef<int64_t> shape = TileBuilder::getShape(destination);
        Value real =
            outer.getBlock(total, SmallVector<int64_t>(shape.size(), 0), shape);
        outputs.push_back(outer.mapInto(
            shape.empty() ? "->" : "d->d", real, destination,
            [](OpBuilder &, Location, ValueRange args) { return args[0]; }));
      }
      return outputs;
    };
    HeadSlicer::buildHeadLoop(
        rewriter, cast<DimRoleOpInterface>(op.getOperation()), buildBody);
    return success();
  }
};

struct ToBlocks : linattn::impl::LinattnToBlocksBase<ToBlocks> {
  using Base::Base;

  void runOnOperation() override {
    // What the patterns do not match is the user's to mend.
    WalkResult result = getOperation()->walk([](Operation *op) {
      std::optional<ScheduleAttr> schedule;
      if (auto attention = dyn_cast<AttentionOp>(op))
        schedule = attention.getSchedule();
      else if (auto state = dyn_cast<StateOp>(op))
        schedule = state.getSchedule();
      else
        return WalkResult::advance();
      if (!schedule) {
        op->emitOpError() << "expects a schedule; run linattn-set-schedule "
                             "or write one";
        return WalkResult::interrupt();
      }
      std::string obstacle = findObstacle(cast<DimRoleOpInterface>(op));
      if (!obstacle.empty()) {
        op->emitOpError() << obstacle;
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();

    RewritePatternSet patterns(&getContext());
    populateToBlocksPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

void mlir::linattn::populateToBlocksPatterns(RewritePatternSet &patterns) {
  patterns.add<AttentionToBlocks, StateToBlocks>(patterns.getContext());
}
