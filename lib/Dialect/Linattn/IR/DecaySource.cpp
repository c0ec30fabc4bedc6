//===- DecaySource.cpp - where the values of a decay come from ------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecaySource.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::linattn;

/// The scalar with which a tensor is filled, or null.
static Value getFillValue(Value tensor) {
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    return fill.getInputs()[0];
  if (auto splat = tensor.getDefiningOp<tensor::SplatOp>())
    return splat.getInput();
  return {};
}

bool mlir::linattn::isZeroSplat(Value tensor) {
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    return isZeroSplat(cast.getSource());
  if (Value scalar = getFillValue(tensor))
    return matchPattern(scalar, m_AnyZeroFloat());
  return matchPattern(tensor, m_AnyZeroFloat());
}

/// The dimensions of a tensor of this rank that are not in `dims`.
static SmallVector<int64_t> getOtherDims(int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> others;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(dims, dim))
      others.push_back(dim);
  return others;
}

static RankedTensorType dropDims(RankedTensorType type,
                                 ArrayRef<int64_t> dims) {
  SmallVector<int64_t> shape;
  for (int64_t dim : getOtherDims(type.getRank(), dims))
    shape.push_back(type.getDimSize(dim));
  return RankedTensorType::get(shape, type.getElementType());
}

/// Constants with more elements than this are not searched for repetition.
static constexpr int64_t kMaxSearchedElements = 1 << 16;

static DenseElementsAttr dropRepeatedDims(DenseElementsAttr value,
                                          ArrayRef<int64_t> dims) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  // An empty tensor has no value to keep.
  if (!type || value.getNumElements() == 0 || value.isSplat())
    return type && value.isSplat() && value.getNumElements() != 0
               ? value.resizeSplat(dropDims(type, dims))
               : DenseElementsAttr();
  if (value.getNumElements() > kMaxSearchedElements)
    return {};

  SmallVector<int64_t> kept = getOtherDims(type.getRank(), dims);
  SmallVector<int64_t> strides = computeStrides(type.getShape());
  RankedTensorType newType = dropDims(type, dims);
  SmallVector<int64_t> newStrides = computeStrides(newType.getShape());
  SmallVector<Attribute> newValues(newType.getNumElements());
  for (auto [index, element] : llvm::enumerate(value.getValues<Attribute>())) {
    SmallVector<int64_t> position = delinearize(index, strides);
    int64_t newIndex = 0;
    for (auto [dim, stride] : llvm::zip(kept, newStrides))
      newIndex += position[dim] * stride;
    Attribute &newElement = newValues[newIndex];
    if (newElement && newElement != element)
      return {};
    newElement = element;
  }
  return DenseElementsAttr::get(newType, newValues);
}

/// A broadcast: result dimension `inputDims[i]` runs along dimension `i` of
/// the input, or nothing does if that is null, for a dimension of one element.
namespace {
struct Broadcast {
  Value input;
  SmallVector<std::optional<int64_t>> inputDims;
};
} // namespace

static std::optional<Broadcast> matchBroadcast(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (auto broadcast = dyn_cast_or_null<linalg::BroadcastOp>(op)) {
    Broadcast result{broadcast.getInput(), {}};
    int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
    for (int64_t dim : getOtherDims(rank, broadcast.getDimensions()))
      result.inputDims.push_back(dim);
    return result;
  }
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInputs() != 1 ||
      generic.getNumDpsInits() != 1 ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      !generic.getIndexingMapsArray()[1].isIdentity())
    return std::nullopt;
  Block &body = *generic.getBody();
  if (body.getTerminator()->getOperand(0) != body.getArgument(0))
    return std::nullopt;
  Broadcast result{generic.getDpsInputOperand(0)->get(), {}};
  int64_t lastDim = -1;
  for (AffineExpr expr : generic.getIndexingMapsArray()[0].getResults()) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      result.inputDims.push_back(std::nullopt);
      continue;
    }
    auto dim = dyn_cast<AffineDimExpr>(expr);
    // A transposition moves values: not a broadcast.
    if (!dim || static_cast<int64_t>(dim.getPosition()) <= lastDim)
      return std::nullopt;
    lastDim = dim.getPosition();
    result.inputDims.push_back(lastDim);
  }
  return result;
}

static Value dropFromBroadcast(OpBuilder &b, const Broadcast &broadcast,
                               int64_t rank, ArrayRef<int64_t> dims) {
  auto inputType = cast<RankedTensorType>(broadcast.input.getType());
  SmallVector<int64_t> unitDims, inputDims, covered;
  for (auto [inputDim, dim] : llvm::enumerate(broadcast.inputDims)) {
    if (!dim) {
      // Only the first element is read.
      if (inputType.getDimSize(inputDim) != 1)
        return {};
      unitDims.push_back(inputDim);
      continue;
    }
    covered.push_back(*dim);
    if (llvm::is_contained(dims, *dim))
      inputDims.push_back(inputDim);
  }
  // What is left must be there in the input: nothing is broadcast again.
  for (int64_t dim : getOtherDims(rank, dims))
    if (!llvm::is_contained(covered, dim))
      return {};

  if (!inputDims.empty()) {
    // Some of the dimensions repeat already in the input. With unit dimensions
    // beside them, these can go in one sweep.
    inputDims.append(unitDims);
    llvm::sort(inputDims);
    return dropRepeatedDims(b, broadcast.input, inputDims);
  }
  if (unitDims.empty())
    return broadcast.input;

  // Every kept dimension takes the unit dimensions beside it along.
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices pending;
  for (int64_t dim = 0; dim < inputType.getRank(); ++dim) {
    if (!llvm::is_contained(unitDims, dim)) {
      groups.push_back(std::move(pending));
      pending.clear();
      groups.back().push_back(dim);
    } else if (groups.empty()) {
      pending.push_back(dim);
    } else {
      groups.back().push_back(dim);
    }
  }
  return tensor::CollapseShapeOp::create(b, broadcast.input.getLoc(),
                                         broadcast.input, groups);
}

Value mlir::linattn::dropRepeatedDims(OpBuilder &b, Value tensor,
                                      ArrayRef<int64_t> dims) {
  if (dims.empty())
    return tensor;
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return {};
  Location loc = tensor.getLoc();

  DenseElementsAttr constant;
  if (matchPattern(tensor, m_Constant(&constant))) {
    DenseElementsAttr value = ::dropRepeatedDims(constant, dims);
    return value ? arith::ConstantOp::create(b, loc, value) : Value();
  }
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>()) {
    if (isa<RankedTensorType>(cast.getSource().getType()))
      return dropRepeatedDims(b, cast.getSource(), dims);
    return {};
  }
  if (Value scalar = getFillValue(tensor)) {
    SmallVector<OpFoldResult> sizes;
    for (int64_t dim : getOtherDims(type.getRank(), dims))
      sizes.push_back(tensor::getMixedSize(b, loc, tensor, dim));
    Value empty = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
    return linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
  }
  if (std::optional<Broadcast> broadcast = matchBroadcast(tensor))
    return dropFromBroadcast(b, *broadcast, type.getRank(), dims);
  return {};
}
