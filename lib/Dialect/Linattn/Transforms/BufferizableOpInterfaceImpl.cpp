//===- BufferizableOpInterfaceImpl.cpp - the ops on buffers ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/Transforms/BufferizableOpInterfaceImpl.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::linattn;

/// The operand of `op` that is the initial state, if it has one.
static OpOperand *getInitialStateOperand(Operation *op) {
  auto attention = dyn_cast<AttentionOp>(op);
  if (!attention || !attention.getInitialState())
    return nullptr;
  return &attention.getInitialStateMutable()[0];
}

static OpOperand *getFinalStateOperand(Operation *op) {
  auto attention = dyn_cast<AttentionOp>(op);
  if (!attention || !attention.getFinalState())
    return nullptr;
  return &attention.getOutputsMutable()[1];
}

namespace {
/// One model for all ops: inputs are read, outputs are written in place, and
/// read too where the op accumulates into them.
template <typename OpTy>
struct ComputeOpModel
    : DstBufferizableOpInterfaceExternalModel<ComputeOpModel<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    if (cast<DestinationStyleOpInterface>(op).isDpsInit(&operand))
      return readsOutput(operand);
    return true;
  }

  /// The initial and the final state may be the same memory: every sequence
  /// and head reads its own initial state before it writes its own final
  /// state, and no other.
  bool isNotConflicting(Operation *op, OpOperand *read, OpOperand *write,
                        const AnalysisState &state) const {
    return read == getInitialStateOperand(op) &&
           write == getFinalStateOperand(op) &&
           state.areEquivalentBufferizedValues(read->get(), write->get());
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    auto dps = cast<DestinationStyleOpInterface>(op);
    // Only tensors become buffers; an op on memrefs is done.
    if (dps.hasPureBufferSemantics())
      return success();

    SmallVector<Value> operands, outputs;
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      if (isa<TensorType>(value.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        value = *buffer;
      }
      operands.push_back(value);
      if (dps.isDpsInit(&operand))
        outputs.push_back(value);
    }
    clone(rewriter, op, /*newResultTypes=*/TypeRange(), operands);
    replaceOpWithBufferizedValues(rewriter, op, outputs);
    return success();
  }
};
} // namespace

template <typename... OpTys>
static void attachModels(MLIRContext *context) {
  (OpTys::template attachInterface<ComputeOpModel<OpTys>>(*context), ...);
}

void mlir::linattn::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LinattnDialect *) {
    attachModels<AttentionOp, StateOp, StepOp, InterOp, BlockStateOp, IntraOp>(
        context);
  });
}
