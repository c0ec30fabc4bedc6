//===- VerifyNormalForm.cpp - check a function against the normal form ----===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/NormalForm/Passes.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNVERIFYNORMALFORM
#include "linattn/NormalForm/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

static InFlightDiagnostic emitBroken(Operation *op, StringRef rule) {
  return op->emitOpError("breaks ") << rule << " of the normal form: expected ";
}

static bool isScalarOp(Operation *op) {
  return isa<affine::AffineDialect, arith::ArithDialect, math::MathDialect>(
      op->getDialect());
}

static bool hasTensor(TypeRange types) {
  return llvm::any_of(types, llvm::IsaPred<TensorType>);
}

/// Ops that only say which part of a tensor is meant, or make one.
static bool isStructureOp(Operation *op) {
  return isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::DimOp,
             tensor::EmptyOp, tensor::ExpandShapeOp, tensor::ExtractOp,
             tensor::ExtractSliceOp, tensor::FromElementsOp, tensor::InsertOp,
             tensor::InsertSliceOp>(op);
}

/// Whether `value` is a slice of an output of the kernel, or all of it.
static bool isPartOfOutput(Value value) {
  while (true) {
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      Operation *owner = arg.getOwner()->getParentOp();
      if (isa<scf::ForallOp>(owner))
        return true;
      auto loop = dyn_cast<scf::ForOp>(owner);
      if (!loop || arg == loop.getInductionVar())
        return false;
      value = loop.getTiedLoopInit(arg)->get();
      continue;
    }
    if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>()) {
      value = slice.getSource();
      continue;
    }
    auto op = value.getDefiningOp<DestinationStyleOpInterface>();
    if (op) {
      value = op.getTiedOpOperand(cast<OpResult>(value))->get();
      continue;
    }
    auto loop = value.getDefiningOp<scf::ForOp>();
    if (!loop)
      return false;
    value = loop.getInitArgs()[cast<OpResult>(value).getResultNumber()];
  }
}

/// NF2, NF3: what loops and branches of a kernel carry.
static LogicalResult verifyCarried(Operation *op, ValueRange values) {
  for (Value value : values) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (type && !type.hasStaticShape() && !isPartOfOutput(value))
      return emitBroken(op, "NF3")
             << "what it carries to be a scalar, a tile of static shape or a "
                "part of an output of the kernel, got "
             << type;
  }
  return success();
}

/// NF5: the body of a map, contraction or reduction.
static LogicalResult verifyBody(linalg::LinalgOp op) {
  for (Operation &nested : op.getBlock()->without_terminator())
    if (!isScalarOp(&nested) && !isa<linalg::IndexOp>(nested))
      return emitBroken(op, "NF5") << "a body of scalar arith and math, got '"
                                   << nested.getName() << "'";
  return success();
}

static LogicalResult verifyTileOp(linalg::LinalgOp op) {
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (type && !type.hasStaticShape())
      return emitBroken(op, "NF4") << "tiles of static shape, got " << type;
  }
  for (AffineMap map : op.getIndexingMapsArray())
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return emitBroken(op, "NF5")
             << "projected permutations as indexing maps, got "
             << AffineMapAttr::get(map);
  if (failed(verifyBody(op)))
    return failure();
  if (linattn::isContraction(op) || linattn::isMap(op))
    return success();
  if (op.getNumDpsInits() == 1)
    return success();
  return emitBroken(op, "NF5")
         << "a contraction, a map or a reduction with one result, got "
         << op.getNumDpsInits() << " results";
}

/// Scalars, and the choice of a whole tensor.
static LogicalResult verifyScalarOp(Operation *op, StringRef rule,
                                    StringRef wayOut) {
  if (isa<arith::ConstantOp>(op))
    return success();
  if (auto select = dyn_cast<arith::SelectOp>(op))
    if (select.getCondition().getType().isInteger(1))
      return success();
  if (hasTensor(op->getOperandTypes()) || hasTensor(op->getResultTypes()))
    return emitBroken(op, rule)
           << "elementwise work on tensors to be " << wayOut;
  return success();
}

static LogicalResult verifyInKernel(Operation *op) {
  if (isa<scf::ForallOp>(op))
    return emitBroken(op, "NF2")
           << "a kernel to stand outside of other kernels";
  if (isScalarOp(op))
    return verifyScalarOp(op, "NF5", "a linalg map");
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    if (!pad.getResultType().hasStaticShape())
      return emitBroken(op, "NF4")
             << "padding to a static shape, got " << pad.getResultType();
    if (!pad.getConstantPaddingValue())
      return emitBroken(op, "NF4")
             << "padding with one value that does not depend on the position";
    return success();
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    if (!empty.getType().hasStaticShape())
      return emitBroken(op, "NF4")
             << "tiles of static shape, got " << empty.getType();
    return success();
  }
  if (isStructureOp(op) ||
      isa<scf::YieldOp, scf::ConditionOp, scf::InParallelOp,
          tensor::ParallelInsertSliceOp>(op))
    return success();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return verifyCarried(op, loop.getInitArgs());
  if (isa<scf::IfOp>(op))
    return verifyCarried(op, op->getResults());
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (!linalgOp.hasPureTensorSemantics())
      return emitBroken(op, "NF4") << "tensors, got buffers";
    return verifyTileOp(linalgOp);
  }
  return emitBroken(op, "NF5")
         << "contractions, maps, reductions, scans and guards on tiles";
}

static LogicalResult verifyGlue(Operation *op) {
  if (isScalarOp(op))
    return verifyScalarOp(op, "NF1", "cut into kernels (scf.forall)");
  if (isa<tensor::PadOp>(op))
    return verifyInKernel(op);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (!linalgOp.hasPureTensorSemantics())
      return emitBroken(op, "NF1") << "tensors, got buffers";
    if (isa<linalg::FillOp>(op))
      return success();
    // NF2: a kernel of one iteration needs no scf.forall.
    for (Type type : op->getOperandTypes())
      if (auto shaped = dyn_cast<ShapedType>(type);
          shaped && !shaped.hasStaticShape())
        return emitBroken(op, "NF1") << "work on whole tensors of dynamic "
                                        "shape to be cut into kernels "
                                        "(scf.forall), got "
                                     << type;
    return verifyTileOp(linalgOp);
  }
  if (isStructureOp(op) ||
      isa<cf::AssertOp, scf::ForallOp, scf::ForOp, scf::WhileOp, scf::IfOp,
          scf::YieldOp, scf::ConditionOp, bufferization::ToTensorOp,
          bufferization::MaterializeInDestinationOp>(op) ||
      isa<func::FuncDialect>(op->getDialect()))
    return success();
  return emitBroken(op, "NF1")
         << "scalars, slices, loops and branches between kernels";
}

namespace {
struct VerifyNormalForm
    : linattn::impl::LinattnVerifyNormalFormBase<VerifyNormalForm> {
  using Base::Base;

  void runOnOperation() override {
    bool failed = false;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<ModuleOp, FunctionOpInterface>(op))
        return WalkResult::advance();
      bool inKernel = op->getParentOfType<scf::ForallOp>() != nullptr;
      if (mlir::failed(inKernel ? verifyInKernel(op) : verifyGlue(op)))
        failed = true;
      // Bodies of linalg ops and of paddings are checked with the op.
      return isa<linalg::LinalgOp, tensor::PadOp>(op) ? WalkResult::skip()
                                                      : WalkResult::advance();
    });
    if (failed)
      signalPassFailure();
  }
};
} // namespace
