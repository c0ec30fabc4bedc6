//===- ResultsToDestinations.cpp - let results be written to the caller --===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/ABI/Interface.h"
#include "linattn/ABI/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNRESULTSTODESTINATIONS
#include "linattn/ABI/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// The value that `value` is a view of, through ops that bufferize to views.
static Value getViewRoot(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
             tensor::ExtractSliceOp, tensor::ReshapeOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Rewrites the body and the type of `func` to work on the caller's buffers.
static void rewriteToBuffers(func::FuncOp func, const Interface &interface) {
  Block &body = func.getBody().front();
  OpBuilder b = OpBuilder::atBlockBegin(&body);

  // Arguments.
  SmallVector<Value> tensors, buffers;
  for (auto [index, parameter] : llvm::enumerate(interface.arguments)) {
    BlockArgument argument = body.getArgument(index);
    Value tensor, buffer;
    if (auto type = dyn_cast<RankedTensorType>(parameter.type)) {
      argument.setType(parameter.getMemRefType());
      buffer = argument;
      auto toTensor = bufferization::ToTensorOp::create(
          b, argument.getLoc(), type, argument, /*restrict=*/true,
          /*writable=*/parameter.inplaceResult >= 0);
      argument.replaceAllUsesExcept(toTensor.getResult(), toTensor);
      tensor = toTensor.getResult();
    }
    tensors.push_back(tensor);
    buffers.push_back(buffer);
  }

  // Results. The arguments that are written to come last, when nothing else
  // needs what they held.
  auto ret = cast<func::ReturnOp>(body.getTerminator());
  Location loc = ret.getLoc();
  b.setInsertionPoint(ret);
  SmallVector<Value> results(ret.getOperands());
  for (auto [index, result] : llvm::enumerate(results)) {
    if (std::optional<unsigned> argument =
            interface.getInplaceArgument(index)) {
      // What another argument held may be overwritten before it is moved here.
      Value root = getViewRoot(result);
      bool ownArgument = root == tensors[*argument];
      if (!ownArgument && llvm::is_contained(tensors, root))
        results[index] = bufferization::AllocTensorOp::create(
            b, loc, cast<RankedTensorType>(result.getType()),
            /*dynamicSizes=*/ValueRange(), /*copy=*/result);
      continue;
    }
    const Parameter &parameter = interface.results[index];
    Value destination = body.addArgument(parameter.getMemRefType(), loc);
    if (parameter.isScalar()) {
      memref::StoreOp::create(b, loc, result, destination, ValueRange());
      continue;
    }
    auto materialize = bufferization::MaterializeInDestinationOp::create(
        b, loc, /*result=*/Type(), result, destination);
    materialize.setRestrict(true);
    materialize.setWritable(true);
  }
  for (auto [index, result] : llvm::enumerate(results)) {
    std::optional<unsigned> argument = interface.getInplaceArgument(index);
    if (!argument)
      continue;
    // First into the tensor: this tells the analysis that the argument is
    // overwritten here. Then into its buffer, which keeps that write alive.
    auto inTensor = bufferization::MaterializeInDestinationOp::create(
        b, loc, result.getType(), result, tensors[*argument]);
    auto inBuffer = bufferization::MaterializeInDestinationOp::create(
        b, loc, /*result=*/Type(), inTensor.getResult(), buffers[*argument]);
    inBuffer.setWritable(true);
  }
  func::ReturnOp::create(b, loc);
  ret.erase();

  func.removeResAttrsAttr();
  func.removeArgAttrsAttr();
  func.setFunctionType(b.getFunctionType(body.getArgumentTypes(), {}));
}

namespace {
struct ResultsToDestinations
    : linattn::impl::LinattnResultsToDestinationsBase<ResultsToDestinations> {
  using Base::Base;

  void runOnOperation() override {
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>()) {
      if (!func.isPublic())
        continue;
      FailureOr<Interface> interface = getSourceInterface(func);
      if (failed(interface))
        return signalPassFailure();
      // Keep what `linattn-outline-sizes` has attached.
      if (FailureOr<Interface> attached = getInterface(func);
          succeeded(attached))
        interface->sizes = attached->sizes;
      func->setAttr(kInterfaceAttrName, interface->toAttr(&getContext()));
      rewriteToBuffers(func, *interface);
    }
  }
};
} // namespace
