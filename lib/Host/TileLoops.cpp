//===- TileLoops.cpp - loops over vectors for work on tiles ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::linattn;

bool linattn::isVectorElement(Type type) {
  return (isa<FloatType>(type) || type.isInteger()) &&
         type.getIntOrFloatBitWidth() >= 8;
}

bool linattn::hasContiguousRows(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         (strides.empty() || strides.back() == 1);
}

std::optional<unsigned> linattn::getResultPosition(AffineMap map,
                                                   unsigned dim) {
  for (auto [position, expr] : llvm::enumerate(map.getResults()))
    if (expr.isFunctionOfDim(dim))
      return position;
  return std::nullopt;
}

SmallVector<Value> linattn::getIndices(ImplicitLocOpBuilder &b, AffineMap map,
                                       ValueRange ivs) {
  SmallVector<Value> indices;
  for (AffineExpr expr : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      indices.push_back(ivs[dim.getPosition()]);
    else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      indices.push_back(arith::ConstantIndexOp::create(b, constant.getValue()));
    else
      indices.push_back(affine::AffineApplyOp::create(
          b, AffineMap::get(map.getNumDims(), 0, expr), ivs));
  }
  return indices;
}

void linattn::buildLoop(ImplicitLocOpBuilder &b, OpFoldResult begin,
                        OpFoldResult end, int64_t step,
                        function_ref<void(Value iv)> body) {
  std::optional<int64_t> first = getConstantIntValue(begin);
  std::optional<int64_t> last = getConstantIntValue(end);
  Location loc = b.getLoc();
  Value lower = getValueOrCreateConstantIndexOp(b, loc, begin);
  if (first && last) {
    if (*first >= *last)
      return;
    if (*last - *first <= step)
      return body(lower);
  }
  Value upper = getValueOrCreateConstantIndexOp(b, loc, end);
  Value stepValue = arith::ConstantIndexOp::create(b, step);
  auto loop = scf::ForOp::create(b, lower, upper, stepValue);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
}

void linattn::buildVectorLoop(
    ImplicitLocOpBuilder &b, OpFoldResult size, int64_t width,
    function_ref<void(Value iv, int64_t width)> body) {
  if (std::optional<int64_t> constant = getConstantIntValue(size)) {
    int64_t begin = 0;
    for (int64_t piece = width; piece >= 1; piece /= 2) {
      int64_t end = *constant / piece * piece;
      buildLoop(b, b.getIndexAttr(begin), b.getIndexAttr(end), piece,
                [&](Value iv) { body(iv, piece); });
      begin = std::max(begin, end);
    }
    return;
  }
  Value total = cast<Value>(size);
  Value widthValue = arith::ConstantIndexOp::create(b, width);
  Value rest = arith::RemUIOp::create(b, total, widthValue);
  Value whole = arith::SubIOp::create(b, total, rest);
  buildLoop(b, b.getIndexAttr(0), whole, width,
            [&](Value iv) { body(iv, width); });
  buildLoop(b, whole, total, 1, [&](Value iv) { body(iv, 1); });
}

SmallVector<OpFoldResult> linattn::getLoopRanges(ImplicitLocOpBuilder &b,
                                                 linalg::LinalgOp op) {
  SmallVector<OpFoldResult> ranges(op.getNumLoops());
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (!ShapedType::isDynamic(size)) {
      ranges[dim] = b.getIndexAttr(size);
      continue;
    }
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      auto position = getResultPosition(map, dim);
      if (position && isa<AffineDimExpr>(map.getResult(*position))) {
        Value extent =
            memref::DimOp::create(b, operand.get(), int64_t(*position));
        ranges[dim] = extent;
        break;
      }
    }
  }
  return ranges;
}

Value linattn::toVector(ImplicitLocOpBuilder &b, Value value, int64_t width) {
  if (width == 1 || isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, VectorType::get(width, value.getType()),
                                     value);
}

Value linattn::advance(ImplicitLocOpBuilder &b, Value iv, int64_t distance) {
  if (distance == 0)
    return iv;
  return arith::AddIOp::create(b, iv,
                               arith::ConstantIndexOp::create(b, distance));
}

/// The indices `distance` elements behind `indices` along `position`.
static SmallVector<Value> advanceAlong(ImplicitLocOpBuilder &b,
                                       ArrayRef<Value> indices,
                                       unsigned position, int64_t distance) {
  SmallVector<Value> result(indices);
  result[position] = advance(b, result[position], distance);
  return result;
}

static bool isContiguousAlong(Value operand, unsigned position) {
  auto type = cast<MemRefType>(operand.getType());
  return position + 1 == type.getRank() && hasContiguousRows(type) &&
         isVectorElement(type.getElementType());
}

Value linattn::loadElements(ImplicitLocOpBuilder &b, Value operand,
                            ArrayRef<Value> indices,
                            std::optional<unsigned> position, int64_t width) {
  auto type = dyn_cast<MemRefType>(operand.getType());
  if (!type)
    return operand;
  if (!position || width == 1)
    return memref::LoadOp::create(b, operand, indices);
  auto vectorType = VectorType::get(width, type.getElementType());
  if (isContiguousAlong(operand, *position))
    return vector::LoadOp::create(b, vectorType, operand, indices);
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < width; ++lane)
    elements.push_back(memref::LoadOp::create(
        b, operand, advanceAlong(b, indices, *position, lane)));
  return vector::FromElementsOp::create(b, vectorType, elements);
}

void linattn::storeElements(ImplicitLocOpBuilder &b, Value value, Value operand,
                            ArrayRef<Value> indices,
                            std::optional<unsigned> position, int64_t width) {
  if (!position || width == 1) {
    memref::StoreOp::create(b, value, operand, indices);
    return;
  }
  value = toVector(b, value, width);
  if (isContiguousAlong(operand, *position)) {
    vector::StoreOp::create(b, value, operand, indices);
    return;
  }
  for (int64_t lane = 0; lane < width; ++lane) {
    Value element = vector::ExtractOp::create(b, value, lane);
    memref::StoreOp::create(b, element, operand,
                            advanceAlong(b, indices, *position, lane));
  }
}

bool linattn::hasVectorizableBody(linalg::LinalgOp op) {
  return llvm::all_of(
      op.getBlock()->without_terminator(), [](Operation &nested) {
        return nested.getNumRegions() == 0 &&
               (isa<linalg::IndexOp>(nested) || nested.getNumOperands() == 0 ||
                OpTrait::hasElementwiseMappableTraits(&nested)) &&
               llvm::all_of(nested.getResultTypes(), [](Type type) {
                 return VectorType::isValidElementType(type);
               });
      });
}

SmallVector<Value> linattn::cloneBody(ImplicitLocOpBuilder &b,
                                      linalg::LinalgOp op, ValueRange args,
                                      ValueRange ivs, unsigned vectorDim,
                                      int64_t width) {
  Block *body = op.getBlock();
  IRMapping mapping;
  mapping.map(body->getArguments(), args);
  for (Operation &nested : body->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested)) {
      Value value = ivs[index.getDim()];
      if (index.getDim() == vectorDim && width > 1) {
        auto type = VectorType::get(width, b.getIndexType());
        value = arith::AddIOp::create(b, toVector(b, value, width),
                                      vector::StepOp::create(b, type));
      }
      mapping.map(index.getResult(), value);
      continue;
    }
    SmallVector<Value> operands;
    for (Value operand : nested.getOperands())
      operands.push_back(mapping.lookupOrDefault(operand));
    bool varies = llvm::any_of(operands, [](Value operand) {
      return isa<VectorType>(operand.getType());
    });
    if (!varies) {
      b.clone(nested, mapping);
      continue;
    }
    for (Value &operand : operands)
      operand = toVector(b, operand, width);
    SmallVector<Type> types;
    for (Type type : nested.getResultTypes())
      types.push_back(VectorType::get(width, type));
    OperationState state(nested.getLoc(), nested.getName(), operands, types,
                         nested.getAttrs());
    mapping.map(nested.getResults(), b.create(state)->getResults());
  }
  SmallVector<Value> yielded;
  for (Value value : body->getTerminator()->getOperands())
    yielded.push_back(mapping.lookupOrDefault(value));
  return yielded;
}
