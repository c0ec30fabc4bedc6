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

/// Whether `op` is the first contraction of an iteration, and none is carried
/// into it unfinished.
static bool beginsIteration(ContractOp op) {
  auto loop = dyn_cast<scf::ForOp>(op->getParentOp());
  return loop && op == *op->getBlock()->getOps<ContractOp>().begin() &&
         llvm::none_of(loop.getInitArgs().getTypes(),
                       llvm::IsaPred<PendingType>);
}

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
    // ptxas does not see that what an iteration carries is finished, and waits
    // for this iteration's contractions where an accumulator is touched. This
    // costs nothing, and tells it.
    if (beginsIteration(op))
      target.waitForContractions(e, {}, 0);
    Contraction c;
    std::tie(c.rows, c.columns) =
        getRegisterTileShape(op.getResult().getType());
    c.rhs = adaptor.getRhs();
    c.rhsType = op.getRhs().getType();
    // Columns of the product are rows of the tile, from which eight on the
    // swizzle repeats.
    if (op.getFirst())
      c.rhs = e.offset(c.rhs, e.mul(adaptor.getFirst(), kPanelRowBytes));
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

/// Numbers that are the place of an element and constants, as what all elements
/// of a thread share and a constant of the element. So they take one register,
/// not one for each element, and are converted to a float once: places are
/// small, so no sum of them is rounded.
class PlaceArithmetic {
public:
  explicit PlaceArithmetic(Emitter &e) : e(e) {}

  void add(Value value, Value shared, int64_t constant) {
    places[value] = {shared, constant, /*isIndex=*/true};
  }

  /// The result of `op` in this form, or null.
  Value lower(Operation *op) {
    if (isa<arith::AddIOp, arith::SubIOp>(op)) {
      addSum(op);
      return nullptr;
    }
    if (auto convert = dyn_cast<arith::SIToFPOp>(op)) {
      auto it = places.find(convert.getIn());
      if (it == places.end() || !it->second.shared ||
          !convert.getType().isF32())
        return nullptr;
      Value shared = arith::SIToFPOp::create(e.b, e.loc, e.b.getF32Type(),
                                             it->second.shared);
      return arith::AddFOp::create(e.b, e.loc, shared,
                                   e.f32(it->second.constant));
    }
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return lowerCompare(compare);
    return nullptr;
  }

private:
  struct Place {
    /// Null for none.
    Value shared;
    int64_t constant;
    /// A row or a column.
    bool isIndex;
  };

  std::optional<Place> find(Value value) const {
    if (auto it = places.find(value); it != places.end())
      return it->second;
    if (std::optional<int64_t> constant = getConstantIntValue(value);
        constant && value.getType().isInteger(32))
      return Place{Value(), *constant, false};
    return std::nullopt;
  }

  void addSum(Operation *op) {
    std::optional<Place> lhs = find(op->getOperand(0));
    std::optional<Place> rhs = find(op->getOperand(1));
    if (!lhs || !rhs)
      return;
    bool isSum = isa<arith::AddIOp>(op);
    Place sum{lhs->shared,
              isSum ? lhs->constant + rhs->constant
                    : lhs->constant - rhs->constant,
              false};
    // What has no place on the left would have to be negated.
    if (rhs->shared && !lhs->shared)
      return;
    if (rhs->shared && isSum)
      sum.shared = arith::AddIOp::create(e.b, e.loc, lhs->shared, rhs->shared);
    else if (rhs->shared)
      sum.shared = arith::SubIOp::create(e.b, e.loc, lhs->shared, rhs->shared);
    places[op->getResult(0)] = sum;
  }

  /// A comparison of a row and a column: of their distance and a constant.
  Value lowerCompare(arith::CmpIOp op) {
    std::optional<Place> lhs = find(op.getLhs()), rhs = find(op.getRhs());
    if (!lhs || !rhs || !lhs->isIndex || !rhs->isIndex)
      return nullptr;
    Value distance =
        arith::SubIOp::create(e.b, e.loc, lhs->shared, rhs->shared);
    return arith::CmpIOp::create(e.b, e.loc, getSigned(op.getPredicate()),
                                 distance,
                                 e.i32(rhs->constant - lhs->constant));
  }

  /// The same predicate for numbers that are not negative.
  static arith::CmpIPredicate getSigned(arith::CmpIPredicate predicate) {
    switch (predicate) {
    case arith::CmpIPredicate::ult:
      return arith::CmpIPredicate::slt;
    case arith::CmpIPredicate::ule:
      return arith::CmpIPredicate::sle;
    case arith::CmpIPredicate::ugt:
      return arith::CmpIPredicate::sgt;
    case arith::CmpIPredicate::uge:
      return arith::CmpIPredicate::sge;
    default:
      return predicate;
    }
  }

  Emitter &e;
  llvm::DenseMap<Value, Place> places;
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
    Block &body = op.getBody().front();
    Value column =
        e.shl(e.bits(op.getRecompute() ? e.shuffle(lane, lane) : lane, 3), 1);
    bool loads = !body.getOps<LLVM::LoadOp>().empty();
    auto yield = cast<YieldOp>(body.getTerminator());
    SmallVector<Value> elements;
    size_t number = 0;
    for (int64_t block = 0; block < rows; block += kInstructionRows)
      for (int64_t first = 0; first < columns; first += kFragmentColumns) {
        // The columns of accesses to memory have a wide number each, so only
        // those of some are kept.
        if (op.getRecompute() && loads && first % kPanelColumns == 0) {
          NVVM::SyncWarpOp::create(rewriter, loc, e.i32(-1));
          column = e.shl(e.bits(e.shuffle(lane, lane), 3), 1);
        }
        for (int64_t i = 0; i < 4; ++i, ++number) {
          IRMapping mapping;
          for (auto [input, arg] : llvm::zip(inputs, body.getArguments()))
            mapping.map(arg, input[number]);
          BlockArgument rowArg = body.getArgument(inputs.size());
          BlockArgument columnArg = body.getArgument(inputs.size() + 1);
          int64_t rowDistance = block + (i / 2) * 8;
          int64_t columnDistance = first + i % 2;
          mapping.map(rowArg, e.add(row, rowDistance));
          mapping.map(columnArg, e.add(column, columnDistance));
          PlaceArithmetic arithmetic(e);
          arithmetic.add(rowArg, row, rowDistance);
          arithmetic.add(columnArg, column, columnDistance);
          for (Operation &nested : body.without_terminator()) {
            if (Value result = arithmetic.lower(&nested))
              mapping.map(nested.getResult(0), result);
            else
              rewriter.clone(nested, mapping);
          }
          if (yield.getValue())
            elements.push_back(mapping.lookupOrDefault(yield.getValue()));
        }
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

struct ColumnsLowering : TilePattern<ColumnsOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ColumnsOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    // Elements of one thread in a column, of a block of rows.
    constexpr int64_t perColumn = kInstructionRows;
    int64_t columns = op.getSource().getType().getColumns();
    int64_t taken = op.getResult().getType().getColumns();
    SmallVector<Value> elements = e.unpack(adaptor.getSource()), kept;
    for (int64_t row = 0; row < op.getSource().getType().getRows();
         row += kInstructionRows) {
      int64_t first = row / kInstructionRows * columns + op.getFirst();
      llvm::append_range(kept, ArrayRef(elements).slice(
                                   first * perColumn / kWarpgroupThreads,
                                   taken * perColumn / kWarpgroupThreads));
    }
    rewriter.replaceOp(op, e.pack(kept));
    return success();
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
    TilePlace place{adaptor.getDestination(), {}};
    if (op.getFirst()) {
      // The panel, and the units of a row in it, which the swizzle permutes.
      Value panel = e.shr(adaptor.getFirst(), 6);
      place.tile =
          e.offset(place.tile, e.mul(panel, tile.getRows() * kPanelRowBytes));
      place.unit = e.bits(e.shr(adaptor.getFirst(), 3), 7);
    }
    size_t next = 0;
    for (int64_t row = 0; row < rows; row += kInstructionRows)
      for (int64_t column = 0; column < columns; column += 16) {
        SmallVector<Value> registers;
        for (int64_t i = 0; i < 4; ++i, next += 2)
          registers.push_back(e.packHalves(tile.getElementType(),
                                           elements[next], elements[next + 1]));
        target.storeMatrices(e, place, tile, op.getTransposed(), row, column,
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
               ColumnsLowering, LoadOperandLowering, StoreSharedLowering>(
      converter, patterns.getContext(), context);
  patterns
      .add<ExponentialLowering<math::ExpOp>, ExponentialLowering<math::Exp2Op>>(
          converter, patterns.getContext());
}
