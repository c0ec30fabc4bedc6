//===- HeadSlicer.cpp - slices of one head of one sequence ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HeadSlicer.h"
#include "linattn/Dialect/Linattn/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::linattn;

/// The first operand of `op` that has a dimension with `role`, and that
/// dimension.
static std::pair<OpOperand *, unsigned> findDim(DimRoleOpInterface op,
                                                DimRole role) {
  for (OpOperand &operand : op->getOpOperands()) {
    SmallVector<DimRole> roles = op.getDimRoles(operand.getOperandNumber());
    if (std::optional<unsigned> dim = findRole(roles, role))
      return {&operand, *dim};
  }
  return {nullptr, 0};
}

static OpFoldResult getDimSize(OpBuilder &b, DimRoleOpInterface op,
                               DimRole role) {
  auto [operand, dim] = findDim(op, role);
  assert(operand && "the op has no dimension with this role");
  return tensor::getMixedSize(b, op->getLoc(), operand->get(), dim);
}

HeadSlicer::SliceParameters
HeadSlicer::getParameters(unsigned operandNumber, Value source,
                          OpFoldResult tokenOffset,
                          std::optional<OpFoldResult> tokens) {
  SliceParameters slice;
  SmallVector<DimRole> roles = op.getDimRoles(operandNumber);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  slice.strides.assign(roles.size(), one);
  SmallVector<int64_t> shape;
  for (auto [dim, role] : llvm::enumerate(roles)) {
    OpFoldResult offset = zero, size = one;
    bool isKept = false;
    switch (role) {
    case DimRole::Batch:
      if (!isPacked)
        offset = sequence;
      break;
    case DimRole::Sequence:
      offset = sequence;
      break;
    case DimRole::Head:
      offset = head;
      break;
    case DimRole::QueryHead:
    case DimRole::KeyHead:
    case DimRole::ValueHead: {
      // Head h reads head h / (H / Hx) of an operand with Hx heads. Inside
      // the loop there is at least one head, so nothing divides by zero.
      OpFoldResult groups = tensor::getMixedSize(b, loc, source, dim);
      if (getConstantIntValue(groups) == 1)
        break;
      if (isEqualConstantIntOrValue(groups, headCount)) {
        offset = head;
        break;
      }
      Value perGroup = arith::DivUIOp::create(
          b, loc, headCount, getValueOrCreateConstantIndexOp(b, loc, groups));
      offset = arith::DivUIOp::create(b, loc, head, perGroup).getResult();
      break;
    }
    case DimRole::Token:
      offset = tokenOffset;
      if (getConstantIntValue(start) != 0)
        offset = arith::AddIOp::create(
                     b, loc, getValueOrCreateConstantIndexOp(b, loc, start),
                     getValueOrCreateConstantIndexOp(b, loc, offset))
                     .getResult();
      if (tokens) {
        size = *tokens;
        isKept = true;
      }
      break;
    default:
      size = tensor::getMixedSize(b, loc, source, dim);
      isKept = true;
    }
    slice.offsets.push_back(offset);
    slice.sizes.push_back(size);
    if (isKept)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  }
  slice.type = RankedTensorType::get(
      shape, cast<RankedTensorType>(source.getType()).getElementType());
  return slice;
}

Value HeadSlicer::getSlice(unsigned operandNumber, OpFoldResult offset,
                           std::optional<OpFoldResult> size) {
  Value source = op->getOperand(operandNumber);
  SliceParameters slice = getParameters(operandNumber, source, offset, size);
  return tensor::ExtractSliceOp::create(
      b, loc, slice.type, source, slice.offsets, slice.sizes, slice.strides);
}

Value HeadSlicer::getOutput(unsigned index) {
  auto dps = cast<DestinationStyleOpInterface>(op.getOperation());
  unsigned operandNumber = dps.getDpsInitOperand(index)->getOperandNumber();
  SliceParameters slice =
      getParameters(operandNumber, outputs[index], b.getIndexAttr(0), length);
  return tensor::ExtractSliceOp::create(b, loc, slice.type, outputs[index],
                                        slice.offsets, slice.sizes,
                                        slice.strides);
}

void HeadSlicer::buildHeadLoop(
    RewriterBase &rewriter, DimRoleOpInterface op,
    llvm::function_ref<SmallVector<Value>(HeadSlicer &)> body) {
  Location loc = op.getLoc();
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  auto dps = cast<DestinationStyleOpInterface>(op.getOperation());
  buildRuntimeChecks(rewriter, op);

  HeadSlicer slicer(rewriter, loc, op);
  OpOperand *offsetsOperand = findDim(op, DimRole::Boundary).first;
  slicer.isPacked = offsetsOperand != nullptr;

  OpFoldResult numHeads = getDimSize(rewriter, op, DimRole::Head);
  OpFoldResult numSequences;
  if (slicer.isPacked) {
    Value boundaries = getValueOrCreateConstantIndexOp(
        rewriter, loc, getDimSize(rewriter, op, DimRole::Boundary));
    Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    numSequences =
        arith::SubIOp::create(rewriter, loc, boundaries, one).getResult();
  } else {
    numSequences = getDimSize(rewriter, op, DimRole::Batch);
  }
  slicer.headCount = getValueOrCreateConstantIndexOp(rewriter, loc, numHeads);

  SmallVector<Value> inits(dps.getDpsInits());
  auto forall = scf::ForallOp::create(
      rewriter, loc, ArrayRef<OpFoldResult>{numSequences, numHeads}, inits,
      /*mapping=*/std::nullopt);
  rewriter.setInsertionPointToStart(forall.getBody());
  slicer.sequence = forall.getInductionVar(0);
  slicer.head = forall.getInductionVar(1);
  slicer.outputs.assign(forall.getRegionIterArgs().begin(),
                        forall.getRegionIterArgs().end());

  slicer.start = rewriter.getIndexAttr(0);
  if (slicer.isPacked) {
    Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    Value next = arith::AddIOp::create(rewriter, loc, slicer.sequence, one);
    auto load = [&](Value index) -> Value {
      Value boundary = tensor::ExtractOp::create(rewriter, loc,
                                                 offsetsOperand->get(), index);
      return arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(),
                                        boundary);
    };
    Value first = load(slicer.sequence), end = load(next);
    slicer.start = first;
    slicer.length =
        arith::SubIOp::create(rewriter, loc, end, first).getResult();
  } else if (findDim(op, DimRole::Token).first) {
    slicer.length = getDimSize(rewriter, op, DimRole::Token);
  } else {
    slicer.length = rewriter.getIndexAttr(1);
  }

  SmallVector<Value> results = body(slicer);

  // Where the results go was computed for the slices already; CSE finds it.
  SmallVector<HeadSlicer::SliceParameters> slices;
  for (OpOperand &init : dps.getDpsInitsMutable())
    slices.push_back(slicer.getParameters(
        init.getOperandNumber(),
        slicer.outputs[init.getOperandNumber() -
                       dps.getDpsInitOperand(0)->getOperandNumber()],
        rewriter.getIndexAttr(0), slicer.length));
  rewriter.setInsertionPointToStart(forall.getTerminator().getBody());
  for (auto [result, output, slice] :
       llvm::zip_equal(results, slicer.outputs, slices))
    tensor::ParallelInsertSliceOp::create(rewriter, loc, result, output,
                                          slice.offsets, slice.sizes,
                                          slice.strides);
  rewriter.replaceOp(op, forall.getResults());
}

std::string mlir::linattn::findObstacle(DimRoleOpInterface op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    auto type = dyn_cast<ShapedType>(operand.get().getType());
    if (!type)
      continue;
    if (isa<MemRefType>(type)) {
      os << "expects tensors here, but got '" << type
         << "'; lower the op before bufferization";
      return text;
    }
    for (auto [dim, role] : llvm::enumerate(op.getDimRoles(number))) {
      if ((role == DimRole::KeyChannel || role == DimRole::ValueChannel) &&
          type.isDynamicDim(dim)) {
        os << "expects dimension " << dim << " (" << stringifyDimRole(role)
           << ") of `" << op.getOperandName(number)
           << "` to be static, but got '" << type << "'";
        return text;
      }
    }
  }
  return text;
}
