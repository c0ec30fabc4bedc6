//===- HoistInvariants.cpp - move invariant work on tiles out of loops ----===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNHOISTINVARIANTS
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

/// The op that makes `value` an empty tensor in `region`, of a size that is
/// known in front of it.
static tensor::EmptyOp getEmptyIn(Value value, Region *region) {
  auto empty = value.getDefiningOp<tensor::EmptyOp>();
  if (empty && region->isAncestor(empty->getParentRegion()) &&
      llvm::all_of(empty.getDynamicSizes(), [&](Value size) {
        return !region->isAncestor(size.getParentRegion());
      }))
    return empty;
  return {};
}

namespace {
struct HoistInvariants
    : linattn::impl::LinattnHoistInvariantsBase<HoistInvariants> {
  using Base::Base;

  void runOnOperation() override {
    getOperation()->walk([&](scf::ForOp loop) {
      moveLoopInvariantCode(
          loop.getLoopRegions(),
          [](Value value, Region *region) {
            return !region->isAncestor(value.getParentRegion()) ||
                   getEmptyIn(value, region);
          },
          [](Operation *op, Region *) {
            return isMemoryEffectFree(op) && isSpeculatable(op) &&
                   !isa<tensor::EmptyOp, linalg::FillOp, tensor::InsertSliceOp>(
                       op);
          },
          [&](Operation *op, Region *region) {
            OpBuilder builder(loop);
            for (OpOperand &operand : op->getOpOperands())
              if (tensor::EmptyOp empty = getEmptyIn(operand.get(), region))
                operand.set(builder.clone(*empty)->getResult(0));
            op->moveBefore(loop);
          });
    });
  }
};
} // namespace
