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
#include "PTXAssembly.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/FormatVariadic.h"

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
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    SharedType rhsType = op.getRhs().getType();
    auto lhsShared = dyn_cast<SharedType>(op.getLhs().getType());
    int64_t depth =
        op.getTransposeRhs() ? rhsType.getRows() : rhsType.getColumns();

    SmallVector<Value> accumulator, operand;
    if (op.getAccumulator())
      accumulator = e.unpack(adaptor.getAccumulator());
    Value lhsDescriptor;
    if (lhsShared)
      lhsDescriptor = e.descriptor(adaptor.getLhs());
    else
      operand = e.unpack(adaptor.getLhs());
    Value rhsDescriptor = e.descriptor(adaptor.getRhs());

    // Registers that were written before must be so for the asynchronous
    // reader too; tied, so that no write moves behind the fence.
    SmallVector<Value> fenced(accumulator);
    llvm::append_range(fenced, operand);
    fenced = buildPTX(rewriter, loc, "wgmma.fence.sync.aligned;", fenced, {});
    std::copy_n(fenced.begin(), accumulator.size(), accumulator.begin());
    std::copy_n(fenced.begin() + accumulator.size(), operand.size(),
                operand.begin());

    // A transposed right operand is contracted over rows, so one instruction
    // takes one panel of it. Otherwise its columns are rows of the tile.
    int64_t width =
        op.getTransposeRhs() ? kPanelColumns : std::min<int64_t>(columns, 256);
    int64_t perBlock = columns * kInstructionRows / kWarpgroupThreads;
    int64_t perPart = width * kInstructionRows / kWarpgroupThreads;
    SmallVector<Value> results;
    for (int64_t block = 0; block < rows / kInstructionRows; ++block) {
      for (int64_t part = 0; part < columns / width; ++part) {
        SmallVector<Value> sum;
        if (!accumulator.empty())
          sum.assign(accumulator.begin() + block * perBlock + part * perPart,
                     accumulator.begin() + block * perBlock +
                         (part + 1) * perPart);
        for (int64_t k = 0; k < depth; k += kInstructionDepth) {
          MatrixInstruction instruction;
          instruction.columns = width;
          instruction.element = rhsType.getElementType();
          instruction.transposeRhs = op.getTransposeRhs();
          instruction.rhs = e.add(
              rhsDescriptor,
              getBytes(rhsType, op.getTransposeRhs(), part * width, k) >> 4);
          if (lhsShared) {
            instruction.transposeLhs = op.getTransposeLhs();
            instruction.lhs = {
                e.add(lhsDescriptor, getBytes(lhsShared, op.getTransposeLhs(),
                                              block * kInstructionRows, k) >>
                                         4)};
          } else {
            // Four registers for 64 x 16.
            int64_t first =
                (block * (depth / kInstructionDepth) + k / kInstructionDepth) *
                4;
            instruction.lhs.assign(operand.begin() + first,
                                   operand.begin() + first + 4);
          }
          sum = instruction.build(rewriter, loc, sum);
        }
        llvm::append_range(results, sum);
      }
    }
    buildPTX(rewriter, loc, "wgmma.commit_group.sync.aligned;", {}, {},
             /*clobbersMemory=*/true);
    rewriter.replaceOp(op, e.pack(results));
    return success();
  }

private:
  /// Where the 16 contracted elements from `k` of row or column `outer` start
  /// in a tile. The tile has the contracted dimension in its columns, or in its
  /// rows if transposed.
  static int64_t getBytes(SharedType type, bool transposed, int64_t outer,
                          int64_t k) {
    int64_t row = transposed ? k : outer, column = transposed ? outer : k;
    int64_t panel = column / kPanelColumns;
    return panel * type.getRows() * kPanelRowBytes + row * kPanelRowBytes +
           (column % kPanelColumns) * 2;
  }
};

struct WaitLowering : TilePattern<WaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(WaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    SmallVector<Value> registers;
    SmallVector<size_t> counts;
    for (Value pending : adaptor.getPending()) {
      SmallVector<Value> elements = e.unpack(pending);
      counts.push_back(elements.size());
      llvm::append_range(registers, elements);
    }
    registers = buildPTX(rewriter, loc,
                         llvm::formatv("wgmma.wait_group.sync.aligned {0};",
                                       program.getUnfinished(op))
                             .str(),
                         registers, {}, /*clobbersMemory=*/true);
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

/// The row and the 16-byte unit that a lane addresses in a 16 x 16 block, in
/// units of the block: matrices 0 and 1 are the upper and lower rows, 2 and 3
/// the same of the next eight columns.
struct MatrixLane {
  explicit MatrixLane(Emitter &e) {
    Value lane = e.lane();
    low = e.bits(lane, 7);
    second = e.bits(e.shr(lane, 3), 1);
    fourth = e.shr(lane, 4);
  }
  Value low, second, fourth;
};

struct LoadOperandLowering : TilePattern<LoadOperandOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOperandOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    SharedType source = op.getSource().getType();
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    MatrixLane lane(e);
    Value warp = e.warpInGroup();
    bool transposed = op.getTransposed();
    SmallVector<Value> registers;
    for (int64_t block = 0; block < rows; block += kInstructionRows)
      for (int64_t k = 0; k < columns; k += kInstructionDepth) {
        // Constant parts are multiples of the eight rows and, in units, of what
        // the swizzle flips.
        Value address;
        if (transposed) {
          // The tile is [k, m]: matrix rows run over k, units over m.
          address = e.unitAddress(
              adaptor.getSource(), e.add(lane.low, e.shl(lane.fourth, 3)),
              e.add(e.shl(warp, 1), lane.second), 0,
              block / kPanelColumns * source.getRows() * kPanelRowBytes +
                  k * kPanelRowBytes);
        } else {
          address = e.unitAddress(
              adaptor.getSource(),
              e.add(e.add(lane.low, e.shl(lane.second, 3)), e.shl(warp, 4)),
              lane.fourth, (k % kPanelColumns) / 8,
              k / kPanelColumns * source.getRows() * kPanelRowBytes +
                  block * kPanelRowBytes);
        }
        Type i32 = rewriter.getI32Type();
        auto type = LLVM::LLVMStructType::getLiteral(rewriter.getContext(),
                                                     {i32, i32, i32, i32});
        Value loaded = NVVM::LdMatrixOp::create(
            rewriter, loc, type, address, 4,
            transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
            NVVM::LdStMatrixShapeAttr::get(rewriter.getContext(), 8, 8),
            NVVM::LdStMatrixEltType::B16);
        llvm::append_range(registers, e.unpack(loaded));
      }
    rewriter.replaceOp(op, e.pack(registers));
    return success();
  }
};

struct StoreSharedLowering : TilePattern<StoreSharedOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreSharedOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    SharedType tile = op.getDestination().getType();
    auto [rows, columns] = getRegisterTileShape(op.getValue().getType());
    SmallVector<Value> elements = e.unpack(adaptor.getValue());
    MatrixLane lane(e);
    Value warp = e.warpInGroup();
    size_t next = 0;
    for (int64_t block = 0; block < rows; block += kInstructionRows)
      for (int64_t column = 0; column < columns; column += 16) {
        SmallVector<Value> registers;
        for (int64_t i = 0; i < 4; ++i, next += 2)
          registers.push_back(e.packHalves(tile.getElementType(),
                                           elements[next], elements[next + 1]));
        Value address = e.unitAddress(
            adaptor.getDestination(),
            e.add(e.add(lane.low, e.shl(lane.second, 3)), e.shl(warp, 4)),
            lane.fourth, (column % kPanelColumns) / 8,
            column / kPanelColumns * tile.getRows() * kPanelRowBytes +
                block * kPanelRowBytes);
        NVVM::StMatrixOp::create(
            rewriter, loc, address, registers, NVVM::MMALayout::row,
            NVVM::LdStMatrixShapeAttr::get(rewriter.getContext(), 8, 8),
            NVVM::LdStMatrixEltType::B16);
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
    const ProgramInfo &program) {
  patterns.add<ConstantLowering, ContractLowering, WaitLowering, MapLowering,
               LoadOperandLowering, StoreSharedLowering>(
      converter, patterns.getContext(), program);
  patterns
      .add<ExponentialLowering<math::ExpOp>, ExponentialLowering<math::Exp2Op>>(
          converter, patterns.getContext());
}
