//===- SharedMemory.cpp - shared memory and barriers ----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "PTXAssembly.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

namespace {
struct AllocLowering : TilePattern<AllocOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(AllocOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return op.emitOpError() << "expects an offset; run tile-allocate-shared";
    rewriter.replaceOp(
        op, Emitter(rewriter, op.getLoc()).sharedMemory(*op.getOffset()));
    return success();
  }
};

struct StageLowering : TilePattern<StageOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StageOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    auto vector = dyn_cast<SharedVectorType>(op.getRing().getType());
    int64_t bytes =
        vector ? vector.getVectorBytes()
               : cast<SharedType>(op.getRing().getType()).getTileBytes();
    rewriter.replaceOp(
        op, e.offset(adaptor.getRing(), e.mul(adaptor.getIndex(), bytes)));
    return success();
  }
};

struct PanelLowering : TilePattern<PanelOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(PanelOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    // Panels follow each other: column c starts at c * rows * 2 bytes.
    int64_t bytes = op.getSource().getType().getRows() * 2;
    rewriter.replaceOp(
        op, e.offset(adaptor.getSource(), e.mul(adaptor.getColumn(), bytes)));
    return success();
  }
};

struct BarrierInitLowering : TilePattern<BarrierInitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierInitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return op.emitOpError() << "expects an offset; run tile-allocate-shared";
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    BarrierType type = op.getResult().getType();
    int64_t arrivals =
        target.getArrivals(type.getArrivals(), program.getLoadThreads(op));
    Value ring = e.sharedMemory(*op.getOffset());
    emitIf(rewriter, loc, e.equals(e.thread(), 0), [&] {
      for (int64_t stage = 0; stage < type.getStages(); ++stage)
        NVVM::MBarrierInitOp::create(rewriter, loc, e.offset(ring, 8 * stage),
                                     e.i32(arrivals), Value());
      target.finishBarrierInit(e);
    });
    NVVM::Barrier0Op::create(rewriter, loc);
    rewriter.replaceOp(op, ring);
    return success();
  }
};

struct BarrierWaitLowering : TilePattern<BarrierWaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierWaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    target.waitForBarrier(
        e, getBarrier(e, adaptor.getBarrier(), adaptor.getIndex()),
        adaptor.getPhase());
    rewriter.eraseOp(op);
    return success();
  }
};

struct BarrierArriveLowering : TilePattern<BarrierArriveOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierArriveOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    Value barrier = getBarrier(e, adaptor.getBarrier(), adaptor.getIndex());
    // The arrival is for what all lanes have done.
    NVVM::SyncWarpOp::create(rewriter, loc, e.i32(-1));
    emitIf(rewriter, loc, e.equals(e.lane(), 0), [&] {
      buildPTX(rewriter, loc,
               "{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [$0]; }",
               {}, {barrier});
    });
    // The others must not wait for the next phase in its place.
    NVVM::SyncWarpOp::create(rewriter, loc, e.i32(-1));
    rewriter.eraseOp(op);
    return success();
  }
};

struct ElementLowering : TilePattern<ElementOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ElementOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(
        op, rewriter.getF32Type(),
        e.offset(adaptor.getSource(), e.shl(adaptor.getIndex(), 2)));
    return success();
  }
};

struct StoreElementLowering : TilePattern<StoreElementOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreElementOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(
        op, adaptor.getValue(),
        e.offset(adaptor.getDestination(), e.shl(adaptor.getIndex(), 2)));
    return success();
  }
};

struct FenceLowering : TilePattern<FenceOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(FenceOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    target.fence(e);
    rewriter.eraseOp(op);
    return success();
  }
};

struct SyncLowering : TilePattern<SyncOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(SyncOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    NVVM::BarrierOp::create(rewriter, op.getLoc(), /*res=*/Type(),
                            adaptor.getId(),
                            e.i32(op.getWarpgroups() * kWarpgroupThreads),
                            /*reductionOp=*/nullptr,
                            /*reductionPredicate=*/Value());
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void mlir::linattn::tile::populateSharedMemoryPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns,
    const LoweringContext &context) {
  patterns.add<AllocLowering, StageLowering, PanelLowering, BarrierInitLowering,
               BarrierWaitLowering, BarrierArriveLowering, ElementLowering,
               StoreElementLowering, FenceLowering, SyncLowering>(
      converter, patterns.getContext(), context);
}
