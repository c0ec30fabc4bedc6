//===- VectorizeTiles.cpp - linalg ops on buffers to loops over vectors ---===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "linattn/Host/Passes.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNVECTORIZETILES
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// If the output of `op` is filled with zero right before, with nothing that
/// may read or write memory in between, returns that fill.
static linalg::FillOp getZeroFillBefore(linalg::LinalgOp op) {
  Value output = op.getDpsInits()[0];
  for (Operation *before = op->getPrevNode(); before;
       before = before->getPrevNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(before)) {
      if (fill.getOutputs()[0] == output)
        return matchPattern(fill.getInputs()[0], m_AnyZeroFloat())
                   ? fill
                   : linalg::FillOp();
    }
    // Other work on tiles may stand in between if it leaves the output alone:
    // buffers of the kernel are allocated, so that different values are
    // different buffers unless one is a view.
    if (!isMemoryEffectFree(before) && !isa<memref::AllocOp>(before))
      return {};
  }
  return {};
}

namespace {
struct VectorizeTiles
    : linattn::impl::LinattnVectorizeTilesBase<VectorizeTiles> {
  using Base::Base;

  void runOnOperation() override {
    VectorUnit unit{/*width=*/std::max<int64_t>(vectorBits / 32, 1),
                    /*registers=*/vectorRegisters};
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<memref::CopyOp>(op))
        ops.push_back(op);
      auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      if (linalgOp && linalgOp.hasPureBufferSemantics())
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    llvm::DenseSet<Operation *> erased;
    // Backwards, so that a contraction can take over the fill in front of it.
    for (Operation *op : llvm::reverse(ops)) {
      if (erased.contains(op))
        continue;
      rewriter.setInsertionPoint(op);
      if (auto copy = dyn_cast<memref::CopyOp>(op)) {
        auto copyOp = linalg::CopyOp::create(
            rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
        rewriter.eraseOp(copy);
        op = copyOp;
      }
      auto linalgOp = cast<linalg::LinalgOp>(op);
      linalg::FillOp fill;
      if (isContraction(linalgOp))
        fill = getZeroFillBefore(linalgOp);
      if (succeeded(lowerContraction(
              linalgOp, unit, /*accumulatesFromZero=*/fill != nullptr))) {
        if (fill) {
          erased.insert(fill);
          rewriter.eraseOp(fill);
        }
      } else if (failed(lowerTranspose(linalgOp, unit)) &&
                 failed(lowerMap(linalgOp, unit)) &&
                 failed(lowerReduction(linalgOp, unit)) &&
                 failed(linalg::linalgOpToLoops(rewriter, linalgOp))) {
        op->emitOpError("has no lowering to loops: expected a contraction, a "
                        "map or a reduction on buffers, see the normal form");
        return signalPassFailure();
      }
      rewriter.eraseOp(op);
    }
  }
};
} // namespace
