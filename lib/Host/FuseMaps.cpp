//===- FuseMaps.cpp - fuse elementwise maps on tensors --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNFUSEMAPS
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

namespace {
struct FuseMaps : linattn::impl::LinattnFuseMapsBase<FuseMaps> {
  using Base::Base;

  void runOnOperation() override {
    // Named ops take part as what they are: generic ops. A fill stays a fill,
    // since what it fills is a destination.
    SmallVector<linalg::LinalgOp> named;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op.hasPureTensorSemantics() &&
          !isa<linalg::GenericOp, linalg::FillOp>(op))
        named.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return signalPassFailure();
    }

    RewritePatternSet fusion(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(
        fusion, [](OpOperand *operand) {
          Operation *producer = operand->get().getDefiningOp();
          auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
          auto map = dyn_cast_or_null<linalg::LinalgOp>(producer);
          // A map over fewer dimensions would be computed again and again.
          return map && consumer && map->getBlock() == consumer->getBlock() &&
                 map->hasOneUse() &&
                 map.getNumLoops() == consumer.getNumLoops() &&
                 !linattn::isContraction(consumer);
        });
    if (failed(applyPatternsGreedily(getOperation(), std::move(fusion))))
      return signalPassFailure();
  }
};
} // namespace
