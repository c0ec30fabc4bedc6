//===- HoistWorkerStack.cpp - one stack frame per worker ------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNHOISTWORKERSTACK
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

namespace {
struct HoistWorkerStack
    : linattn::impl::LinattnHoistWorkerStackBase<HoistWorkerStack> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<memref::AllocaOp> allocas;
    SmallVector<memref::AllocaScopeOp> scopes;
    getOperation()->walk([&](Operation *op) {
      if (auto alloca = dyn_cast<memref::AllocaOp>(op))
        if (alloca->getNumOperands() == 0)
          allocas.push_back(alloca);
      if (auto scope = dyn_cast<memref::AllocaScopeOp>(op))
        scopes.push_back(scope);
    });
    for (memref::AllocaOp alloca : allocas) {
      auto parallel = alloca->getParentOfType<omp::ParallelOp>();
      auto function = alloca->getParentOfType<FunctionOpInterface>();
      if (!parallel && !function)
        continue;
      Block *frame = parallel ? &parallel.getRegion().front()
                              : &function.getFunctionBody().front();
      alloca->moveBefore(frame, frame->begin());
    }
    for (memref::AllocaScopeOp scope : scopes) {
      // What is left in a scope of dynamic size still needs it.
      bool isNeeded =
          scope.walk([](memref::AllocaOp) { return WalkResult::interrupt(); })
              .wasInterrupted();
      if (isNeeded || scope.getNumResults() != 0)
        continue;
      Block *body = &scope.getBodyRegion().front();
      body->getTerminator()->erase();
      scope->getBlock()->getOperations().splice(scope->getIterator(),
                                                body->getOperations());
      scope.erase();
    }
  }
};
} // namespace
