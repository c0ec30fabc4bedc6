//===- Registers.cpp - tiles in registers ---------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registers: a tile in registers is a struct of the elements of one thread, in
// blocks of 64 rows, then 8 columns, then the four elements of an accumulator
// fragment: (r, c), (r, c + 1), (r + 8, c), (r + 8, c + 1) with r = l / 4 and
// c = 2 (l % 4) for lane l. An operand packs two columns into one register, in
// blocks of 64 rows, then 16 columns.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "Matrices.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

namespace {
struct ConstantLowering : TilePattern<tile::ConstantOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(tile::ConstantOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    AccumulatorType type = op.getResult().getType();
    Value value = e.f32(op.getValue().convertToFloat());
    rewriter.replaceOp(
        op,
        e.pack(SmallVector<Value>(
            type.getRows() * type.getColumns() / kWarpgroupThreads, value)));
    return success();
  }
};

struct ContractLowering : TilePattern<ContractOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ContractOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    Contraction c;
    std::tie(c.rows, c.columns) =
        getRegisterTileShape(op.getResult().getType());
    c.rhs = adaptor.getRhs();
    c.rhsType = op.getRhs().getType();
    c.transposeRhs = op.getTransposeRhs();
    c.depth = c.transposeRhs ? c.rhsType.getRows() : c.rhsType.getColumns();
    c.transposeLhs = op.getTransposeLhs();
    if ((c.lhsType = dyn_cast<SharedType>(op.getLhs().getType())))
      c.lhs = adaptor.getLhs();
    else
      c.lhsRegisters = e.unpack(adaptor.getLhs());
    if (op.getAccumulator())
      c.accumulator = e.unpack(adaptor.getAccumulator());
    rewriter.replaceOp(op, e.pack(target.contract(e, c)));
    return success();
  }
};

struct WaitLowering : TilePattern<WaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(WaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    SmallVector<Value> registers;
    SmallVector<size_t> counts;
    for (Value pending : adaptor.getPending()) {
      SmallVector<Value> elements = e.unpack(pending);
      counts.push_back(elements.size());
      llvm::append_range(registers, elements);
    }
    registers =
        target.waitForContractions(e, registers, program.getUnfinished(op));
    SmallVector<Value> results;
    ArrayRef<Value> rest(registers);
    for (size_t count : counts) {
      results.push_back(e.pack(rest.take_front(count)));
      rest = rest.drop_front(count);
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct MapLowering : TilePattern<MapOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(MapOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    auto [rows, columns] = op.getShape();
    SmallVector<SmallVector<Value>> inputs;
    for (auto [input, value] :
         llvm::zip_equal(op.getInputs(), adaptor.getInputs()))
      inputs.push_back(getElements(e, input.getType(), e.unpack(value)));

    // The first element of this thread; all others are at constant distances.
    Value lane = e.lane();
    // A number that comes from a shuffle cannot move out of a loop, nor what is
    // computed from it.
    Value warp =
        op.getRecompute() ? e.warpInGroup() : e.bits(e.shr(e.thread(), 5), 3);
    Value row = e.add(e.shl(warp, 4), e.shr(lane, 2));
    Value column = e.shl(e.bits(lane, 3), 1);
    Block &body = op.getBody().front();
    auto yield = cast<YieldOp>(body.getTerminator());
    SmallVector<Value> elements;
    size_t number = 0;
    for (int64_t block = 0; block < rows; block += kInstructionRows)
      for (int64_t first = 0; first < columns; first += kFragmentColumns)
        for (int64_t i = 0; i < 4; ++i, ++number) {
          IRMapping mapping;
          for (auto [input, arg] : llvm::zip(inputs, body.getArguments()))
            mapping.map(arg, input[number]);
          mapping.map(body.getArgument(inputs.size()),
                      e.add(row, block + (i / 2) * 8));
          mapping.map(body.getArgument(inputs.size() + 1),
                      e.add(column, first + i % 2));
          for (Operation &nested : body.without_terminator())
            rewriter.clone(nested, mapping);
          if (yield.getValue())
            elements.push_back(mapping.lookupOrDefault(yield.getValue()));
        }
    if (!op.getResult()) {
      rewriter.eraseOp(op);
      return success();
    }
    if (auto operand = dyn_cast<OperandType>(op.getResult().getType())) {
      SmallVector<Value> packed;
      for (size_t i = 0; i < elements.size(); i += 2)
        packed.push_back(e.packHalves(operand.getElementType(), elements[i],
                                      elements[i + 1]));
      elements = packed;
    }
    rewriter.replaceOp(op, e.pack(elements));
    return success();
  }

private:
  /// The f32 elements of a tile in the order of accumulators. A register of an
  /// operand holds two neighbours, so the orders agree.
  static SmallVector<Value> getElements(Emitter &e, Type type,
                                        SmallVector<Value> registers) {
    auto operand = dyn_cast<OperandType>(type);
    if (!operand)
      return registers;
    SmallVector<Value> elements;
    for (Value packed : registers) {
      auto [low, high] = e.unpackHalves(operand.getElementType(), packed);
      elements.push_back(low);
      elements.push_back(high);
    }
    return elements;
  }
};

struct LoadOperandLowering : TilePattern<LoadOperandOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOperandOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    SmallVector<Value> registers;
    for (int64_t row = 0; row < rows; row += kInstructionRows)
      for (int64_t k = 0; k < columns; k += kInstructionDepth)
        llvm::append_range(registers,
                           loadLhsFragment(e, adaptor.getSource(),
                                           op.getSource().getType(),
                                           op.getTransposed(), row, k));
    rewriter.replaceOp(op, e.pack(registers));
    return success();
  }
};

struct StoreSharedLowering : TilePattern<StoreSharedOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreSharedOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    SharedType tile = op.getDestination().getType();
    auto [rows, columns] = getRegisterTileShape(op.getValue().getType());
    SmallVector<Value> elements = e.unpack(adaptor.getValue());
    size_t next = 0;
    for (int64_t row = 0; row < rows; row += kInstructionRows)
      for (int64_t column = 0; column < columns; column += 16) {
        SmallVector<Value> registers;
        for (int64_t i = 0; i < 4; ++i, next += 2)
          registers.push_back(e.packHalves(tile.getElementType(),
                                           elements[next], elements[next + 1]));
        target.storeMatrices(e, adaptor.getDestination(), tile, row, column,
                             registers);
      }
    rewriter.eraseOp(op);
    return success();
  }
};

/// exp and exp2 by the instruction that the hardware has.
template <typename OpTy>
struct ExponentialLowering : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    Value exponent = adaptor.getOperand();
    if (!exponent.getType().isF32())
      return rewriter.notifyMatchFailure(op, "expects f32");
    if constexpr (std::is_same_v<OpTy, math::ExpOp>) {
      constexpr float log2e = 1.44269504088896340736f;
      exponent =
          arith::MulFOp::create(rewriter, op.getLoc(), exponent, e.f32(log2e));
    }
    rewriter.replaceOp(
        op, LLVM::CallIntrinsicOp::create(
                rewriter, op.getLoc(), rewriter.getF32Type(),
                rewriter.getStringAttr("llvm.nvvm.ex2.approx.ftz.f32"),
                ValueRange{exponent})
                .getResults());
    return success();
  }
};
} // namespace

void mlir::linattn::tile::populateRegisterPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns,
    const LoweringContext &context) {
  patterns.add<ConstantLowering, ContractLowering, WaitLowering, MapLowering,
               LoadOperandLowering, StoreSharedLowering>(
      converter, patterns.getContext(), context);
  patterns
      .add<ExponentialLowering<math::ExpOp>, ExponentialLowering<math::Exp2Op>>(
          converter, patterns.getContext());
}
