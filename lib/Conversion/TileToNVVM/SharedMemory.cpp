//===- SharedMemory.cpp - shared memory, copies and barriers --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "PTXAssembly.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

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
    int64_t bytes = op.getResult().getType().getTileBytes();
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

/// The address of barrier `index` of a ring.
static Value getBarrier(Emitter &e, Value ring, Value index) {
  return e.offset(ring, e.shl(index, 3));
}

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
    Value ring = e.sharedMemory(*op.getOffset());
    auto first = scf::IfOp::create(rewriter, loc, e.equals(e.thread(), 0),
                                   /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(first.thenBlock());
      for (int64_t stage = 0; stage < type.getStages(); ++stage)
        NVVM::MBarrierInitOp::create(rewriter, loc, e.offset(ring, 8 * stage),
                                     e.i32(type.getArrivals()), Value());
      NVVM::FenceMbarrierInitOp::create(rewriter, loc);
    }
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
    // Nanoseconds that one attempt may be suspended for.
    constexpr int64_t suspendTime = 10000000;
    NVVM::MBarrierTryWaitParityOp::create(
        rewriter, op.getLoc(),
        getBarrier(e, adaptor.getBarrier(), adaptor.getIndex()),
        adaptor.getPhase(), e.i32(suspendTime));
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
    auto leader = scf::IfOp::create(rewriter, loc, e.equals(e.lane(), 0),
                                    /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(leader.thenBlock());
    buildPTX(rewriter, loc,
             "{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [$0]; }", {},
             {barrier});
    rewriter.eraseOp(op);
    return success();
  }
};

struct BarrierExpectLowering : TilePattern<BarrierExpectOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierExpectOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    buildPTX(rewriter, op.getLoc(),
             "{ .reg .b64 state; mbarrier.arrive.expect_tx.shared.b64 state, "
             "[$0], $1; }",
             {},
             {getBarrier(e, adaptor.getBarrier(), adaptor.getIndex()),
              e.i32(op.getBytes())});
    rewriter.eraseOp(op);
    return success();
  }
};

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

struct LoadLowering : TilePattern<LoadOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    Value barrier = getBarrier(e, adaptor.getBarrier(), adaptor.getIndex());
    forEachPanel(
        e, adaptor.getDestination(), op.getDestination().getType(),
        adaptor.getCoordinates(),
        [&](Value panel, ArrayRef<Value> coordinates) {
          std::string box;
          for (size_t i = 0; i < coordinates.size(); ++i)
            box += (i ? ", $" : "$") + std::to_string(3 + i);
          SmallVector<Value> operands = {panel, adaptor.getSource(), barrier};
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

struct StoreLowering : TilePattern<StoreOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    forEachPanel(e, adaptor.getSource(), op.getSource().getType(),
                 adaptor.getCoordinates(),
                 [&](Value panel, ArrayRef<Value> coordinates) {
                   NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
                       rewriter, loc, adaptor.getDestination(), panel,
                       coordinates, /*l2CacheHint=*/Value(),
                       NVVM::TMAStoreMode::TILE, /*predicate=*/Value());
                 });
    NVVM::CpAsyncBulkCommitGroupOp::create(rewriter, loc);
    rewriter.eraseOp(op);
    return success();
  }
};

struct StoreWaitLowering : TilePattern<StoreWaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreWaitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::CpAsyncBulkWaitGroupOp>(
        op, static_cast<uint32_t>(op.getUnfinished()), op.getReadsOnlyAttr());
    return success();
  }
};

struct FenceLowering : TilePattern<FenceOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(FenceOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MLIRContext *context = op.getContext();
    rewriter.replaceOpWithNewOp<NVVM::FenceProxyOp>(
        op, NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
        NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
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
    const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<AllocLowering, StageLowering, PanelLowering, BarrierInitLowering,
               BarrierWaitLowering, BarrierArriveLowering,
               BarrierExpectLowering, LoadLowering, StoreLowering,
               StoreWaitLowering, FenceLowering, SyncLowering>(
      converter, patterns.getContext());
}
