//===- AssertsToStatus.cpp - return the message of a failed check --------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/ABI/Interface.h"
#include "linattn/ABI/Messages.h"
#include "linattn/ABI/Passes.h"

#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNASSERTSTOSTATUS
#include "linattn/ABI/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Gives `func` a first result that says what went wrong.
static void addStatusResult(func::FuncOp func, MessageTable &messages) {
  OpBuilder b(func.getContext());
  Type pointer = LLVM::LLVMPointerType::get(func.getContext());
  SmallVector<Type> resultTypes = {pointer};
  llvm::append_range(resultTypes, func.getResultTypes());

  func.walk([&](func::ReturnOp ret) {
    b.setInsertionPoint(ret);
    Value null = LLVM::ZeroOp::create(b, ret.getLoc(), pointer);
    SmallVector<Value> operands = {null};
    llvm::append_range(operands, ret.getOperands());
    ret->setOperands(operands);
  });

  SmallVector<cf::AssertOp> asserts;
  func.walk([&](cf::AssertOp assert) { asserts.push_back(assert); });
  for (cf::AssertOp assert : asserts) {
    Location loc = assert.getLoc();
    Block *block = assert->getBlock();
    Block *checked = block->splitBlock(std::next(assert->getIterator()));
    Block *failed = b.createBlock(&func.getBody(), func.getBody().end());
    SmallVector<Value> operands = {
        messages.getAddress(b, loc, assert.getMsg())};
    for (Type type : ArrayRef(resultTypes).drop_front())
      operands.push_back(
          arith::ConstantOp::create(b, loc, b.getZeroAttr(type)));
    func::ReturnOp::create(b, loc, operands);
    b.setInsertionPoint(assert);
    cf::CondBranchOp::create(b, loc, assert.getArg(), checked, failed);
    assert.erase();
  }
  func.setFunctionType(b.getFunctionType(func.getArgumentTypes(), resultTypes));
}

namespace {
struct AssertsToStatus
    : linattn::impl::LinattnAssertsToStatusBase<AssertsToStatus> {
  using Base::Base;

  void runOnOperation() override {
    // Loops and branches around an assert become blocks of the function.
    auto containsAssert = [](Operation *op) {
      return op->walk([](cf::AssertOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
    };
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addDynamicallyLegalOp<scf::ForOp, scf::IfOp, scf::WhileOp,
                                 scf::ExecuteRegionOp, scf::IndexSwitchOp>(
        [&](Operation *op) {
          return op->getParentOfType<scf::ForallOp>() ||
                 op->getParentOfType<scf::ParallelOp>() || !containsAssert(op);
        });
    RewritePatternSet patterns(&getContext());
    populateSCFToControlFlowConversionPatterns(patterns);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return signalPassFailure();

    auto hasStatus = [](Operation *op) {
      return isa<func::FuncOp>(op) &&
             (op->hasAttr(kInterfaceAttrName) || op->hasAttr(kSizesAttrName));
    };
    WalkResult walk = getOperation().walk([&](cf::AssertOp assert) {
      Operation *parent = assert->getParentOp();
      if (hasStatus(parent))
        return WalkResult::advance();
      InFlightDiagnostic diag =
          assert.emitOpError()
          << "cannot report a failure: expected it in a block of an entry "
             "function, but it is in '"
          << parent->getName() << "'";
      diag.attachNote(parent->getLoc()) << "this op";
      return WalkResult(diag);
    });
    if (walk.wasInterrupted())
      return signalPassFailure();

    MessageTable messages(getOperation());
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>())
      if (hasStatus(func))
        addStatusResult(func, messages);
  }
};
} // namespace
