//===- AllocateShared.cpp - places in shared memory -----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

namespace mlir {
namespace linattn {
namespace tile {
#define GEN_PASS_DEF_TILEALLOCATESHARED
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace tile
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// Bytes in which the 128-byte swizzle repeats.
static constexpr int64_t kSwizzleBytes = 1024;
static constexpr int64_t kBarrierBytes = 8;
/// What vectors are aligned to: a row of 32 banks.
static constexpr int64_t kVectorBytes = 128;

namespace {
struct AllocateShared
    : linattn::tile::impl::TileAllocateSharedBase<AllocateShared> {
  using Base::Base;

  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](KernelOp kernel) {
      Builder b(kernel.getContext());
      int64_t end = 0;
      auto place = [&](AllocOp op, int64_t alignment, int64_t bytes) {
        if (!op.getOffset())
          op.setOffsetAttr(b.getI64IntegerAttr(llvm::alignTo(end, alignment)));
        end = std::max<int64_t>(end, *op.getOffset() + bytes);
      };
      kernel.walk([&](AllocOp op) {
        if (auto tiles = dyn_cast<SharedType>(op.getResult().getType()))
          place(op, kSwizzleBytes, tiles.getBytes());
      });
      kernel.walk([&](AllocOp op) {
        if (auto vectors = dyn_cast<SharedVectorType>(op.getResult().getType()))
          place(op, kVectorBytes, vectors.getBytes());
      });
      kernel.walk([&](BarrierInitOp op) {
        if (!op.getOffset())
          op.setOffsetAttr(
              b.getI64IntegerAttr(llvm::alignTo(end, kBarrierBytes)));
        end = std::max<int64_t>(end, *op.getOffset() +
                                         op.getResult().getType().getStages() *
                                             kBarrierBytes);
      });
      if (end > limit) {
        kernel.emitOpError() << "expects at most " << int64_t(limit)
                             << " bytes of shared memory, but needs " << end;
        return WalkResult::interrupt();
      }
      kernel->setAttr("shared_bytes", b.getI64IntegerAttr(end));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
