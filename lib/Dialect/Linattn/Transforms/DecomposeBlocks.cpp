//===- DecomposeBlocks.cpp - decompose block ops into contractions --------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//
// One chunk of one head, with G the inclusive cumulative log-decay:
//
//   read_i  = exp(G_i)          write_j = exp(G_C - G_j)        (forward)
//   read_i  = exp(G_C - G_i)    write_j = exp(G_j)              (reverse)
//
//   inter         O += s * (read o Q) S
//   block_state   S <- exp(G_C) o S + u (write o K)^T V
//   intra         O += s u * (mask o D o Q K^T) V
//
// A uniform decay keeps `read` on the accumulator of inter and turns D into a
// mask. A decay per channel scales Q and K; then read_i * write_j * exp(-G_C)
// is D_ij, so intra needs no further exponential, as long as exp(-G_C) and the
// factors are finite: the guard. Behind it, D comes from running products.
// A decay on value channels acts on V and on the rows of O in the same way.
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"
#include "linattn/Dialect/Linattn/Transforms/Transforms.h"
#include "linattn/Dialect/Linattn/Utils/TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/Support/MathExtras.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNDECOMPOSEBLOCKS
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// The guard: every cumulative log-decay of a chunk lies within this bound, so
/// that exp of it and of its negative are normal f32 numbers (the bound of f32
/// is 87).
static constexpr float kMaxExponent = 80.0f;

namespace {
/// The decay of one side of a block op and the factors that it gives.
class SideDecay {
public:
  SideDecay(TileBuilder &t, const DecayClass *decayClass, Value decay,
            Value valid, Direction direction, int64_t chunk)
      : decayClass(decayClass), valid(valid), direction(direction),
        chunk(chunk) {
    if (decayClass)
      this->decay = t.widen(decay);
  }

  bool isNone() const { return !decayClass; }
  bool isUniform() const { return decayClass && decayClass->isUniform(); }
  bool isPerChannel() const { return decayClass && !decayClass->isUniform(); }

  Value buildPrefix(TileBuilder &t) const {
    return decayClass->buildPrefix(t.getBuilder(), t.getLoc(), decay, valid,
                                   chunk);
  }
  Value buildSuffix(TileBuilder &t) const {
    return decayClass->buildSuffix(t.getBuilder(), t.getLoc(), decay, valid,
                                   chunk);
  }
  Value buildTotal(TileBuilder &t) const {
    return decayClass->buildTotal(t.getBuilder(), t.getLoc(), decay, valid,
                                  chunk);
  }

  /// What a token reads of the state that enters the chunk: [C] or [C, D].
  Value buildReadFactor(TileBuilder &t) const {
    return t.exponential(direction == Direction::Forward ? buildPrefix(t)
                                                         : buildSuffix(t));
  }
  /// What is left of a token in the state that leaves the chunk.
  Value buildWriteFactor(TileBuilder &t) const {
    return t.exponential(direction == Direction::Forward ? buildSuffix(t)
                                                         : buildPrefix(t));
  }
  /// What is left of the entering state: [] or [D].
  Value buildTotalFactor(TileBuilder &t) const {
    // An element of the factors that are needed anyhow.
    if (decayClass->isUniform() && decayClass->variesInTime())
      return t.getRow(t.exponential(buildPrefix(t)),
                      t.getBuilder().getIndexAttr(chunk - 1));
    return t.exponential(buildTotal(t));
  }

  /// exp(-G_C / 2), by which both operands of a contraction are scaled when
  /// the guard holds: [D].
  Value buildHalfAnchor(TileBuilder &t) const {
    Value minusHalf = t.constantF32(-0.5f);
    return t.map("d->d", buildTotal(t),
                 [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                   Value half =
                       arith::MulFOp::create(b, loc, args[0], minusHalf);
                   return math::ExpOp::create(b, loc, half);
                 });
  }

  /// True (i1) if every exponent of the chunk is within the bound. False if
  /// one is NaN: the running products know where it belongs.
  Value buildGuard(TileBuilder &t) const {
    OpBuilder &b = t.getBuilder();
    Location loc = t.getLoc();
    Value prefix = buildPrefix(t), suffix = buildSuffix(t);
    Value init = linalg::FillOp::create(b, loc, t.constantF32(0.0f),
                                        t.empty({}, b.getF32Type()))
                     .getResult(0);
    MLIRContext *context = b.getContext();
    AffineMap identity = b.getMultiDimIdentityMap(2);
    AffineMap scalar = AffineMap::get(2, 0, context);
    Value largest =
        linalg::GenericOp::create(
            b, loc, init.getType(), ValueRange{prefix, suffix}, init,
            {identity, identity, scalar},
            {utils::IteratorType::reduction, utils::IteratorType::reduction},
            [](OpBuilder &b, Location loc, ValueRange args) {
              Value first = math::AbsFOp::create(b, loc, args[0]);
              Value second = math::AbsFOp::create(b, loc, args[1]);
              Value both = arith::MaximumFOp::create(b, loc, first, second);
              Value all = arith::MaximumFOp::create(b, loc, args[2], both);
              linalg::YieldOp::create(b, loc, all);
            })
            .getResult(0);
    Value value = tensor::ExtractOp::create(b, loc, largest, ValueRange());
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, value,
                                 t.constantF32(kMaxExponent));
  }

  /// The decay factor of every token, [C, D].
  Value buildTokenFactors(TileBuilder &t) const {
    if (decayClass->variesInTime())
      return t.exponential(decay);
    int64_t channels = TileBuilder::getShape(decay).back();
    Value factors = t.exponential(decay);
    return t.map("d->cd", factors,
                 [](OpBuilder &, Location, ValueRange args) { return args[0]; },
                 {chunk, channels});
  }

  /// The log-decay from token j to token i as a difference of running sums,
  /// [C, C], to base 2: the sums are scaled, not each difference. Decays below
  /// -128 count as -128, which is a reset all the same, so that sums stay
  /// small: the error is at most C 128 2^-24 in the exponent.
  Value buildCoarseSpan(TileBuilder &t) const {
    Value floor = t.constantF32(-128.0f);
    Value log2e = t.constantF32(llvm::numbers::log2ef);
    Value clamped =
        t.map("c->c", decay,
              [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                // A select, so that NaN survives.
                Value isBelow = arith::CmpFOp::create(
                    b, loc, arith::CmpFPredicate::OLT, args[0], floor);
                Value bounded =
                    arith::SelectOp::create(b, loc, isBelow, floor, args[0]);
                return arith::MulFOp::create(b, loc, bounded, log2e);
              });
    Value sums = decayClass->buildPrefix(t.getBuilder(), t.getLoc(), clamped,
                                         valid, chunk);
    return t.map("i,j->ij", {sums, sums},
                 [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                   return arith::SubFOp::create(b, loc, args[0], args[1]);
                 });
  }

  /// Uniform decays: D, [C, C], zero where the mask is.
  Value buildMask(TileBuilder &t, bool coarse) const {
    coarse &= decayClass->variesInTime();
    Value span = coarse ? buildCoarseSpan(t)
                        : decayClass->buildSpan(t.getBuilder(), t.getLoc(),
                                                decay, valid, chunk);
    // The span goes from an earlier to a later token in both directions.
    bool forward = direction == Direction::Forward;
    return t.map(
        forward ? "ij->ij" : "ji->ij", span,
        [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
          Value row = linalg::IndexOp::create(b, loc, 0);
          Value column = linalg::IndexOp::create(b, loc, 1);
          Value reads = arith::CmpIOp::create(
              b, loc,
              forward ? arith::CmpIPredicate::uge : arith::CmpIPredicate::ule,
              row, column);
          // Select before exp: exp of a masked span may be inf.
          Value never = arith::ConstantOp::create(
              b, loc,
              b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
          Value masked = arith::SelectOp::create(b, loc, reads, args[0], never);
          if (coarse)
            return math::Exp2Op::create(b, loc, masked);
          return math::ExpOp::create(b, loc, masked);
        });
  }

private:
  const DecayClass *decayClass;
  Value decay;
  Value valid;
  Direction direction;
  int64_t chunk;
};

/// The decays of a block op.
struct BlockDecays {
  SideDecay key;
  SideDecay value;

  template <typename OpTy>
  BlockDecays(TileBuilder &t, OpTy op, int64_t chunk)
      : key(t, getKeyDecayClass(op), op.getKeyDecay(), op.getValid(),
            op.getDirection(), chunk),
        value(t, getValueDecayClass(op), op.getValueDecay(), op.getValid(),
              op.getDirection(), chunk) {}

  /// Runs `body` for each side whose decay is uniform.
  void forEachUniform(llvm::function_ref<void(const SideDecay &)> body) const {
    for (const SideDecay *side : {&key, &value})
      if (side->isUniform())
        body(*side);
  }
};
} // namespace

static float getF32(APFloat value) { return value.convertToFloat(); }

/// Q or K scaled by the factors of a key decay per channel. Built alike by all
/// ops of a chunk, so that CSE leaves one.
static Value buildScaledRows(TileBuilder &t, Value operand, Value factors) {
  return t.multiply("cd,cd->cd", t.widen(operand), factors);
}

//===----------------------------------------------------------------------===//
// linattn.inter
//===----------------------------------------------------------------------===//

namespace {
struct DecomposeInter : OpRewritePattern<InterOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(InterOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expects tensors");
    TileBuilder t(rewriter, op.getLoc());
    Value query = op.getQuery();
    BlockDecays decays(t, op, TileBuilder::getShape(query)[0]);

    if (decays.key.isPerChannel())
      query = buildScaledRows(t, query, decays.key.buildReadFactor(t));
    Value read = t.contract("ck,kv->cv", query, op.getState());

    // All that is left are factors on the rows of the accumulator.
    std::string expression = "cv";
    SmallVector<Value> inputs = {read};
    decays.forEachUniform([&](const SideDecay &side) {
      expression += ",c";
      inputs.push_back(side.buildReadFactor(t));
    });
    if (decays.value.isPerChannel()) {
      expression += ",cv";
      inputs.push_back(decays.value.buildReadFactor(t));
    }
    float scale = getF32(op.getScale());
    Value scaleValue = scale == 1.0f ? Value() : t.constantF32(scale);
    Value result =
        t.mapInto(expression + "->cv", inputs, op.getOutputs()[0],
                  [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                    Value value = args[0];
                    for (Value factor : args.drop_front().drop_back())
                      value = arith::MulFOp::create(b, loc, value, factor);
                    if (scaleValue)
                      value = arith::MulFOp::create(b, loc, value, scaleValue);
                    return arith::AddFOp::create(b, loc, args.back(), value);
                  });
    rewriter.replaceOp(op, result);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// linattn.block_state
//===----------------------------------------------------------------------===//

struct DecomposeBlockState : OpRewritePattern<BlockStateOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BlockStateOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expects tensors");
    TileBuilder t(rewriter, op.getLoc());
    Value key = op.getKey(), value = op.getValue();
    BlockDecays decays(t, op, TileBuilder::getShape(key)[0]);

    if (decays.key.isPerChannel())
      key = buildScaledRows(t, key, decays.key.buildWriteFactor(t));
    if (decays.value.isPerChannel())
      value = buildScaledRows(t, value, decays.value.buildWriteFactor(t));
    decays.forEachUniform([&](const SideDecay &side) {
      key = t.multiply("cd,c->cd", t.widen(key), side.buildWriteFactor(t));
    });
    if (float scale = getF32(op.getUpdateScale()); scale != 1.0f)
      key = t.scale(t.widen(key), scale);

    // The entering state, decayed over the whole chunk.
    std::string expression;
    SmallVector<Value> factors;
    auto addFactor = [&](const SideDecay &side, StringRef channel) {
      if (side.isNone())
        return;
      expression += side.isUniform() ? "" : channel;
      expression += ",";
      factors.push_back(side.buildTotalFactor(t));
    };
    addFactor(decays.key, "k");
    addFactor(decays.value, "v");
    Value state = op.getOutputs()[0];
    if (!factors.empty()) {
      expression.pop_back();
      state =
          t.mapInto(expression + "->kv", factors, state,
                    [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                      Value decayed = args.back();
                      for (Value factor : args.drop_back())
                        decayed =
                            arith::MulFOp::create(b, loc, decayed, factor);
                      return decayed;
                    });
    }
    rewriter.replaceOp(op, t.contract("ck,cv->kv", key, value, state));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// linattn.intra
//===----------------------------------------------------------------------===//

namespace {
/// A row block of the intra-chunk weights: rows [row, row + rows) read columns
/// [column, column + columns).
struct RowBlock {
  int64_t row, rows, column, columns;
};

/// Decomposes one `linattn.intra`.
class IntraDecomposition {
public:
  IntraDecomposition(TileBuilder &t, IntraOp op, bool coarse)
      : t(t), op(op), chunk(TileBuilder::getShape(op.getQuery())[0]),
        forward(op.getDirection() == Direction::Forward), decays(t, op, chunk),
        coarse(coarse && isHalf(op.getQuery()) && isHalf(op.getKey())) {
    int64_t rows = op.getSubChunk().value_or(chunk);
    for (int64_t row = 0; row < chunk; row += rows) {
      if (forward)
        blocks.push_back({row, rows, 0, row + rows});
      else
        blocks.push_back({row, rows, row, chunk - row});
    }
  }

  Value build() {
    SmallVector<Value> weights = maskWeights(buildWeights());
    if (decays.value.isPerChannel())
      return addDecayedReads(weights);
    return addReads(weights, op.getValue(), op.getOutputs()[0]);
  }

private:
  /// q_i . k_j of every row block.
  SmallVector<Value> contractBlocks(TileBuilder &t, Value query, Value key) {
    int64_t channels = TileBuilder::getShape(query)[1];
    SmallVector<Value> weights;
    for (const RowBlock &block : blocks) {
      Value rows = t.getBlock(query, {block.row, 0}, {block.rows, channels});
      Value columns =
          t.getBlock(key, {block.column, 0}, {block.columns, channels});
      weights.push_back(t.contract("ik,jk->ij", rows, columns));
    }
    return weights;
  }

  /// The weights with the key decay, if that is per channel; masked entries
  /// are meaningless.
  SmallVector<Value> buildWeights() {
    Value query = op.getQuery(), key = op.getKey();
    if (!decays.key.isPerChannel())
      return contractBlocks(t, query, key);

    Value scaledQuery =
        buildScaledRows(t, query, decays.key.buildReadFactor(t));
    Value scaledKey = buildScaledRows(t, key, decays.key.buildWriteFactor(t));
    Value guard = decays.key.buildGuard(t);
    return t.guard(
        guard,
        [&](TileBuilder &t) {
          // read_i * write_j * exp(-G_C), the last half on either side.
          Value half = decays.key.buildHalfAnchor(t);
          return contractBlocks(t, t.multiply("cd,d->cd", scaledQuery, half),
                                t.multiply("cd,d->cd", scaledKey, half));
        },
        [&](TileBuilder &t) { return buildExactWeights(t); });
  }

  /// The weights by running products. The earlier tokens are carried, decayed
  /// token by token; the later token of each pair reads them.
  SmallVector<Value> buildExactWeights(TileBuilder &t) {
    Value later = t.widen(forward ? op.getQuery() : op.getKey());
    Value earlier = t.widen(forward ? op.getKey() : op.getQuery());
    Value factors = decays.key.buildTokenFactors(t);
    Value carried = t.filled(TileBuilder::getShape(earlier), 0.0f);
    Value weights = t.filled({chunk, chunk}, 0.0f);
    auto step = [&](TileBuilder &t, Value row,
                    ValueRange state) -> SmallVector<Value> {
      Value decayed = t.scaleInPlace("d->cd", t.getRow(factors, row), state[0]);
      Value next = t.setRow(decayed, row, t.getRow(earlier, row));
      Value read = t.contract("cd,d->c", next, t.getRow(later, row));
      return {next, t.setRow(state[1], row, read)};
    };
    Value exact =
        t.scan(chunk, /*descending=*/false, {carried, weights}, step)[1];
    if (!forward)
      exact =
          t.map("ji->ij", exact,
                [](OpBuilder &, Location, ValueRange args) { return args[0]; });
    SmallVector<Value> results;
    for (const RowBlock &block : blocks)
      results.push_back(t.getBlock(exact, {block.row, block.column},
                                   {block.rows, block.columns}));
    return results;
  }

  /// Applies the causal mask, uniform decays and scales.
  SmallVector<Value> maskWeights(ArrayRef<Value> weights) {
    SmallVector<Value> masks;
    decays.forEachUniform([&](const SideDecay &side) {
      masks.push_back(side.buildMask(t, coarse));
    });
    float scale = getF32(op.getScale()) * getF32(op.getUpdateScale());
    Value scaleValue = scale == 1.0f ? Value() : t.constantF32(scale);
    Value zero = t.constantF32(0.0f);

    SmallVector<Value> results;
    for (auto [block, weight] : llvm::zip_equal(blocks, weights)) {
      std::string expression = "ij";
      SmallVector<Value> inputs = {weight};
      for (Value mask : masks) {
        expression += ",ij";
        inputs.push_back(t.getBlock(mask, {block.row, block.column},
                                    {block.rows, block.columns}));
      }
      Value offset = t.constantIndex(block.row - block.column);
      results.push_back(t.map(
          expression + "->ij", inputs,
          [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
            Value value = args[0];
            for (Value mask : args.drop_front())
              value = arith::MulFOp::create(b, loc, value, mask);
            if (scaleValue)
              value = arith::MulFOp::create(b, loc, value, scaleValue);
            // A select: a masked weight may be inf or NaN.
            Value row = linalg::IndexOp::create(b, loc, 0);
            Value column = linalg::IndexOp::create(b, loc, 1);
            Value shifted = arith::AddIOp::create(b, loc, row, offset);
            Value reads = arith::CmpIOp::create(
                b, loc,
                forward ? arith::CmpIPredicate::uge : arith::CmpIPredicate::ule,
                shifted, column);
            return arith::SelectOp::create(b, loc, reads, value, zero);
          }));
    }
    return results;
  }

  /// output + weights * values, row block by row block.
  Value addReads(ArrayRef<Value> weights, Value values, Value output) {
    return addReads(t, weights, values, output);
  }
  Value addReads(TileBuilder &t, ArrayRef<Value> weights, Value values,
                 Value output) {
    int64_t channels = TileBuilder::getShape(values)[1];
    for (auto [block, weight] : llvm::zip_equal(blocks, weights)) {
      Value rows = t.getBlock(output, {block.row, 0}, {block.rows, channels});
      Value columns =
          t.getBlock(values, {block.column, 0}, {block.columns, channels});
      Value sum = t.contract("ij,jv->iv", weight, columns, rows);
      output = t.setBlock(output, sum, {block.row, 0});
    }
    return output;
  }

  /// The same with a decay per value channel: factors on the values and on
  /// the rows that are read, or running products behind the guard.
  Value addDecayedReads(ArrayRef<Value> weights) {
    Value value = op.getValue(), output = op.getOutputs()[0];
    const SideDecay &decay = decays.value;
    Value scaledValue = buildScaledRows(t, value, decay.buildWriteFactor(t));
    Value readFactor = decay.buildReadFactor(t);
    Value guard = decay.buildGuard(t);
    return t.guard(
        guard,
        [&](TileBuilder &t) -> SmallVector<Value> {
          Value half = decay.buildHalfAnchor(t);
          Value read =
              addReads(t, weights, t.multiply("cd,d->cd", scaledValue, half),
                       t.filled(TileBuilder::getShape(output), 0.0f));
          return {t.mapInto(
              "cv,cv,v->cv", {read, readFactor, half}, output,
              [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                Value factor = arith::MulFOp::create(b, loc, args[1], args[2]);
                Value value = arith::MulFOp::create(b, loc, args[0], factor);
                return arith::AddFOp::create(b, loc, args[3], value);
              })};
        },
        [&](TileBuilder &t) -> SmallVector<Value> {
          return {buildExactReads(t, weights)};
        })[0];
  }

  Value buildExactReads(TileBuilder &t, ArrayRef<Value> weights) {
    Value output = op.getOutputs()[0];
    Value value = t.widen(op.getValue());
    Value factors = decays.value.buildTokenFactors(t);
    Value full = t.filled({chunk, chunk}, 0.0f);
    for (auto [block, weight] : llvm::zip_equal(blocks, weights))
      full = t.setBlock(full, weight, {block.row, block.column});
    Value carried = t.filled(TileBuilder::getShape(value), 0.0f);
    auto step = [&](TileBuilder &t, Value row,
                    ValueRange state) -> SmallVector<Value> {
      // Forward decays before the token enters, reverse after it was read.
      Value factor = t.getRow(factors, row);
      Value entered = state[0];
      if (forward)
        entered = t.scaleInPlace("d->cd", factor, entered);
      entered = t.setRow(entered, row, t.getRow(value, row));
      Value read = t.contract("j,jv->v", t.getRow(full, row), entered,
                              t.getRow(state[1], row));
      if (!forward)
        entered = t.scaleInPlace("d->cd", factor, entered);
      return {entered, t.setRow(state[1], row, read)};
    };
    return t.scan(chunk, /*descending=*/!forward, {carried, output}, step)[1];
  }

  TileBuilder &t;
  IntraOp op;
  int64_t chunk;
  bool forward;
  BlockDecays decays;
  bool coarse;
  static bool isHalf(Value tile) {
    return getElementTypeOrSelf(tile).getIntOrFloatBitWidth() == 16;
  }

  SmallVector<RowBlock> blocks;
};

struct DecomposeIntra : OpRewritePattern<IntraOp> {
  DecomposeIntra(MLIRContext *context, bool coarse)
      : OpRewritePattern(context), coarse(coarse) {}

  LogicalResult matchAndRewrite(IntraOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expects tensors");
    TileBuilder t(rewriter, op.getLoc());
    rewriter.replaceOp(op, IntraDecomposition(t, op, coarse).build());
    return success();
  }

private:
  bool coarse;
};
} // namespace

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

void mlir::linattn::populateDecomposeBlocksPatterns(RewritePatternSet &patterns,
                                                    bool coarseSpans) {
  patterns.add<DecomposeInter, DecomposeBlockState>(patterns.getContext());
  patterns.add<DecomposeIntra>(patterns.getContext(), coarseSpans);
}

namespace {
struct DecomposeBlocks
    : linattn::impl::LinattnDecomposeBlocksBase<DecomposeBlocks> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateDecomposeBlocksPatterns(patterns, coarseSpans);
    // The greedy driver would fold and hoist besides; this pass only rewrites.
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
