//===- Copies.cpp - copies between global and shared memory ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "UnitCopies.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// Flattens coordinates, which become one value each.
static SmallVector<Value> getSingle(ArrayRef<ValueRange> ranges) {
  return llvm::map_to_vector(ranges, [](ValueRange r) { return r.front(); });
}

namespace {
struct LoadGroupLowering : TilePattern<LoadGroupOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadGroupOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    // What lies outside of a tensor counts too.
    int64_t bytes = 0;
    SmallVector<LoadOp> copies;
    for (LoadOp load : op.getBody().getOps<LoadOp>())
      if (load.getSource().getType().isAligned())
        bytes += load.getDestination().getType().getTileBytes();
      else
        copies.push_back(load);
    Value barrier = getBarrier(e, adaptor.getBarrier(), adaptor.getIndex());
    auto emitCopies = [&] {
      for (LoadOp load : copies)
        rewriter.moveOpBefore(load, rewriter.getInsertionBlock(),
                              rewriter.getInsertionPoint());
    };
    auto emitLoads = [&] {
      rewriter.inlineBlockBefore(&op.getBody().front(),
                                 rewriter.getInsertionBlock(),
                                 rewriter.getInsertionPoint());
    };
    target.loadGroup(e, program.getCrew(op), barrier, bytes,
                     copies.empty() ? llvm::function_ref<void()>()
                                    : llvm::function_ref<void()>(emitCopies),
                     emitLoads);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LoadLowering : TilePattern<LoadOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    LoadGroupOp group = program.getGroup(op);
    Value barrier = getBarrier(e, rewriter.getRemappedValue(group.getBarrier()),
                               rewriter.getRemappedValue(group.getIndex()));
    TileCopy copy{
        program.getCrew(op),           adaptor.getDestination().front(),
        op.getDestination().getType(), op.getSource().getType(),
        adaptor.getSource(),           getSingle(adaptor.getCoordinates())};
    if (copy.global.isAligned())
      target.load(e, copy, barrier);
    else
      loadParts(e, copy);
    rewriter.eraseOp(op);
    return success();
  }
};

struct StoreLowering : TilePattern<StoreOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    Value validRows;
    if (op.getValidRows())
      validRows = adaptor.getValidRows().front();
    target.store(e,
                 {program.getCrew(op), adaptor.getSource().front(),
                  op.getSource().getType(), op.getDestination().getType(),
                  adaptor.getDestination(),
                  getSingle(adaptor.getCoordinates())},
                 validRows);
    rewriter.eraseOp(op);
    return success();
  }
};

struct StoreWaitLowering : TilePattern<StoreWaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreWaitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    target.waitForStores(e, program.getCrew(op), op.getUnfinished(),
                         op.getReadsOnly());
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
                                               const LoweringContext &context) {
  patterns.add<LoadGroupLowering, LoadLowering, StoreLowering,
               StoreWaitLowering, ZeroRowsLowering>(
      converter, patterns.getContext(), context);
}
