//===- Copies.cpp - copies between global and shared memory ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "PTXAssembly.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

namespace {
/// The parameters that a tensor of a kernel becomes.
struct Tensor {
  Tensor(ValueRange values, int64_t rank)
      : map(values[0]), address(values[1]), sizes(values.slice(2, rank)),
        strides(values.slice(2 + rank, rank - 1)) {}

  Value map, address;
  ValueRange sizes, strides;
};
} // namespace

/// Flattens coordinates, which become one value each.
static SmallVector<Value> getSingle(ArrayRef<ValueRange> ranges) {
  return llvm::map_to_vector(ranges, [](ValueRange r) { return r.front(); });
}

/// Runs `body` for every panel of a tile, with its address and the coordinates
/// of its first element, innermost first.
static void
forEachPanel(Emitter &e, Value tile, SharedType type, ValueRange coordinates,
             llvm::function_ref<void(Value, ArrayRef<Value>)> body) {
  SmallVector<Value> innermostFirst(llvm::reverse(coordinates));
  Value column = innermostFirst[0];
  for (int64_t first = 0; first < type.getColumns(); first += kPanelColumns) {
    innermostFirst[0] = e.add(column, first);
    body(e.offset(tile, first * type.getRows() * 2), innermostFirst);
  }
}

/// Elements of 16 bits in the 16 bytes that a thread copies at once.
static constexpr int64_t kUnit = 8;

/// Spreads the 16-byte units of rows `first` to `end - 1` of a tile over a
/// crew. `body` gets the address of a unit in shared memory, its row and its
/// first column.
static void forEachUnit(Emitter &e, const Crew &crew, Value tile,
                        SharedType type, Value first, Value end,
                        llvm::function_ref<void(Value, Value, Value)> body) {
  int64_t unitsPerRow = type.getColumns() / kUnit;
  Value start = e.add(e.mul(first, unitsPerRow), e.member(crew));
  auto loop = scf::ForOp::create(e.b, e.loc, start, e.mul(end, unitsPerRow),
                                 e.i32(crew.threads));
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(loop.getBody());
  Value number = loop.getInductionVar();
  Value row = arith::DivUIOp::create(e.b, e.loc, number, e.i32(unitsPerRow));
  Value unit = arith::RemUIOp::create(e.b, e.loc, number, e.i32(unitsPerRow));
  Value panel =
      e.offset(tile, e.mul(e.shr(unit, 3), type.getRows() * kPanelRowBytes));
  body(e.unitAddress(panel, row, e.bits(unit, 7), 0, 0), row,
       e.mul(unit, kUnit));
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

namespace {
struct LoadGroupLowering : TilePattern<LoadGroupOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadGroupOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    Value barrier = getBarrier(e, adaptor.getBarrier(), adaptor.getIndex());
    // What lies outside of a tensor counts too.
    int64_t bytes = 0;
    for (LoadOp load : op.getBody().getOps<LoadOp>())
      bytes += load.getDestination().getType().getTileBytes();
    emitIf(rewriter, loc, e.isElected(program.getCrew(op)), [&] {
      buildPTX(rewriter, loc,
               "{ .reg .b64 state; mbarrier.arrive.expect_tx.shared.b64 state, "
               "[$0], $1; }",
               {}, {barrier, e.i32(bytes)});
      rewriter.inlineBlockBefore(&op.getBody().front(),
                                 rewriter.getInsertionBlock(),
                                 rewriter.getInsertionPoint());
    });
    rewriter.eraseOp(op);
    return success();
  }
};

struct LoadLowering : TilePattern<LoadOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    LoadGroupOp group = program.getGroup(op);
    Value barrier = getBarrier(e, rewriter.getRemappedValue(group.getBarrier()),
                               rewriter.getRemappedValue(group.getIndex()));
    Tensor tensor(adaptor.getSource(), op.getSource().getType().getRank());
    forEachPanel(
        e, adaptor.getDestination().front(), op.getDestination().getType(),
        getSingle(adaptor.getCoordinates()),
        [&](Value panel, ArrayRef<Value> coordinates) {
          std::string box;
          for (size_t i = 0; i < coordinates.size(); ++i)
            box += (i ? ", $" : "$") + std::to_string(3 + i);
          SmallVector<Value> operands = {panel, tensor.map, barrier};
          llvm::append_range(operands, coordinates);
          buildPTX(rewriter, loc,
                   llvm::formatv("cp.async.bulk.tensor.{0}d.shared::cluster."
                                 "global.tile.mbarrier::complete_tx::bytes "
                                 "[$0], [$1, {{{1}}], [$2];",
                                 coordinates.size(), box)
                       .str(),
                   {}, operands, /*clobbersMemory=*/true);
        });
    rewriter.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

struct StoreLowering : TilePattern<StoreOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    Crew crew = program.getCrew(op);
    Tensor tensor(adaptor.getDestination(),
                  op.getDestination().getType().getRank());
    Value tile = adaptor.getSource().front();
    SharedType type = op.getSource().getType();
    SmallVector<Value> coordinates = getSingle(adaptor.getCoordinates());

    // A group is committed in any case: `tile.store_wait` counts them.
    auto storeBulk = [&](Value condition) {
      emitIf(rewriter, loc, e.isElected(crew), [&] {
        auto store = [&] {
          forEachPanel(e, tile, type, coordinates,
                       [&](Value panel, ArrayRef<Value> at) {
                         NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
                             rewriter, loc, tensor.map, panel, at,
                             /*l2CacheHint=*/Value(), NVVM::TMAStoreMode::TILE,
                             /*predicate=*/Value());
                       });
        };
        if (condition)
          emitIf(rewriter, loc, condition, store);
        else
          store();
        NVVM::CpAsyncBulkCommitGroupOp::create(rewriter, loc);
      });
    };
    if (!op.getValidRows()) {
      storeBulk(Value());
    } else {
      Value valid = adaptor.getValidRows().front();
      Value rows = e.i32(type.getRows());
      storeBulk(e.compare(arith::CmpIPredicate::sge, valid, rows));
      emitIf(
          rewriter, loc, e.compare(arith::CmpIPredicate::slt, valid, rows),
          [&] { storeRows(e, crew, tile, type, tensor, coordinates, valid); });
    }
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// Copies the first `valid` rows of a tile, as far as they lie in the tensor.
  static void storeRows(Emitter &e, const Crew &crew, Value tile,
                        SharedType type, const Tensor &tensor,
                        ArrayRef<Value> coordinates, Value valid) {
    OpBuilder &b = e.b;
    size_t rank = coordinates.size();
    SmallVector<Value> wide = llvm::map_to_vector(
        coordinates, [&](Value coordinate) { return e.widen(coordinate); });
    Value element = wide.back();
    for (auto [coordinate, stride] : llvm::zip(wide, tensor.strides))
      element = e.add(element, e.mul(coordinate, stride));
    auto pointer = LLVM::LLVMPointerType::get(b.getContext(), 1);
    auto at = [&](Value index, int64_t constant) -> Value {
      return LLVM::GEPOp::create(
          b, e.loc, pointer, b.getI16Type(), tensor.address,
          ArrayRef<LLVM::GEPArg>{e.add(index, constant)});
    };

    // In i64, since a coordinate may be far from the end of a large tensor.
    auto getRest = [&](size_t dimension, Value atMost) {
      Value rest = e.sub(tensor.sizes[dimension], wide[dimension]);
      Value limited = e.max(e.min(rest, e.widen(atMost)), e.i64(0));
      return arith::TruncIOp::create(b, e.loc, b.getI32Type(), limited)
          .getResult();
    };
    Value rows = getRest(rank - 2, valid);
    Value columns = getRest(rank - 1, e.i32(type.getColumns()));
    for (size_t i = 0; i + 2 < rank; ++i)
      rows = arith::SelectOp::create(
          b, e.loc,
          e.compare(arith::CmpIPredicate::ult, wide[i], tensor.sizes[i]), rows,
          e.i32(0));

    auto words = VectorType::get(4, b.getI32Type());
    auto halves = VectorType::get(kUnit, b.getI16Type());
    forEachUnit(
        e, crew, tile, type, e.i32(0), rows,
        [&](Value unit, Value row, Value column) {
          Value first =
              e.add(e.add(element, e.mul(e.widen(row), tensor.strides.back())),
                    e.widen(column));
          Value end = e.add(column, kUnit);
          Value data = LLVM::LoadOp::create(b, e.loc, words, unit, 16);
          emitIf(
              b, e.loc, e.compare(arith::CmpIPredicate::sle, end, columns),
              [&] { LLVM::StoreOp::create(b, e.loc, data, at(first, 0), 16); });
          emitIf(b, e.loc, e.compare(arith::CmpIPredicate::sgt, end, columns),
                 [&] {
                   Value single =
                       LLVM::BitcastOp::create(b, e.loc, halves, data);
                   for (int64_t i = 0; i < kUnit; ++i)
                     emitIf(b, e.loc,
                            e.compare(arith::CmpIPredicate::slt,
                                      e.add(column, i), columns),
                            [&] {
                              Value half = LLVM::ExtractElementOp::create(
                                  b, e.loc, single, e.i32(i));
                              LLVM::StoreOp::create(b, e.loc, half,
                                                    at(first, i), 2);
                            });
                 });
        });
  }
};

struct StoreWaitLowering : TilePattern<StoreWaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreWaitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    emitIf(rewriter, op.getLoc(), e.isElected(program.getCrew(op)), [&] {
      NVVM::CpAsyncBulkWaitGroupOp::create(
          rewriter, op.getLoc(), static_cast<uint32_t>(op.getUnfinished()),
          op.getReadsOnlyAttr());
    });
    rewriter.eraseOp(op);
    return success();
  }
};

struct ZeroRowsLowering : TilePattern<ZeroRowsOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ZeroRowsOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    SharedType type = op.getTile().getType();
    auto words = VectorType::get(4, rewriter.getI32Type());
    Value zero = LLVM::ZeroOp::create(rewriter, loc, words);
    forEachUnit(e, program.getCrew(op), adaptor.getTile(), type,
                e.max(adaptor.getFirst(), e.i32(0)), e.i32(type.getRows()),
                [&](Value unit, Value, Value) {
                  LLVM::StoreOp::create(rewriter, loc, zero, unit, 16);
                });
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void mlir::linattn::tile::populateCopyPatterns(const TypeConverter &converter,
                                               RewritePatternSet &patterns,
                                               const ProgramInfo &program) {
  patterns.add<LoadGroupLowering, LoadLowering, StoreLowering,
               StoreWaitLowering, ZeroRowsLowering>(
      converter, patterns.getContext(), program);
}
