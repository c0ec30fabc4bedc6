//===- TileExpression.cpp - elements of computed tiles --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileExpression.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::linattn;

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

static void collectLeaves(Value tile, const KernelBody &body,
                          llvm::SetVector<Value> &leaves) {
  auto type = dyn_cast<RankedTensorType>(tile.getType());
  if (!type || type.getRank() > 2)
    return;
  auto result = dyn_cast<OpResult>(tile);
  if (body.isCarried(tile) || body.getContraction(tile) ||
      body.loads.contains(tile)) {
    leaves.insert(tile);
    return;
  }
  if (!result)
    return;
  if (auto op = dyn_cast<linalg::LinalgOp>(result.getOwner())) {
    for (OpOperand &operand : op->getOpOperands())
      if (op.payloadUsesValueFromOperand(&operand))
        collectLeaves(operand.get(), body, leaves);
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(result.getOwner())) {
    collectLeaves(slice.getSource(), body, leaves);
  } else if (auto pad = dyn_cast<tensor::PadOp>(result.getOwner())) {
    collectLeaves(pad.getSource(), body, leaves);
  }
}

llvm::SetVector<Value> linattn::getLeaves(Value tile, const KernelBody &body) {
  llvm::SetVector<Value> leaves;
  collectLeaves(tile, body, leaves);
  return leaves;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

void TileExpression::addLeaf(Value leaf, Value element, ValueRange indices) {
  leaves[leaf].push_back({SmallVector<Value>(indices), element});
}

FailureOr<Value> TileExpression::read(const Access &access,
                                      ArrayRef<Value> indices,
                                      RankedTensorType type, Location loc) {
  // Outside of the tensor, the first element is read and not used.
  Value inside;
  SmallVector<Value> clamped(indices);
  for (unsigned dim = 0; dim < indices.size(); ++dim) {
    if (!access.padding || !access.isPadded(dim, type))
      continue;
    FailureOr<Value> size = frame.getIndex(outer, loc, access.sizes[dim]);
    if (failed(size))
      return failure();
    Value isIn = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                       indices[dim], *size);
    inside = inside ? arith::AndIOp::create(b, loc, inside, isIn) : isIn;
    Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
    clamped[dim] = arith::SelectOp::create(b, loc, isIn, indices[dim], zero);
  }
  FailureOr<Value> element = frame.loadElement(b, loc, access, clamped);
  if (failed(element) || !inside)
    return element;
  FailureOr<Value> padding = frame.getScalar(outer, access.padding);
  if (failed(padding))
    return failure();
  return Value(arith::SelectOp::create(b, loc, inside, *element, *padding));
}

FailureOr<Value> TileExpression::evaluate(Value tile, ArrayRef<Value> indices,
                                          bool isRoot) {
  Location loc = tile.getLoc();
  if (Value carried = frame.getBound(tile))
    return carried;
  auto it = leaves.find(tile);
  if (it != leaves.end()) {
    for (const Element &element : it->second)
      if (ArrayRef<Value>(element.indices) == indices)
        return element.value;
    return emitError(loc, "expects a tile in registers to be read at the place "
                          "of the element that is computed, in a kernel for a "
                          "GPU");
  }
  for (const Element &element : computed.lookup(tile))
    if (ArrayRef<Value>(element.indices) == indices)
      return element.value;
  if (Value shared = vectors.lookup(tile))
    return Value(
        tile::ElementOp::create(b, loc, b.getF32Type(), shared, indices[0]));

  FailureOr<Value> value = failure();
  Operation *op = tile.getDefiningOp();
  auto type = cast<RankedTensorType>(tile.getType());
  if (auto constant = dyn_cast_if_present<arith::ConstantOp>(op)) {
    auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
    if (!splat || !isa<FloatType>(type.getElementType()))
      // Constants lose their place when they are folded.
      return frame.getKernel().emitOpError("expects constant tiles of one "
                                           "value, in a kernel for a GPU, but "
                                           "got one of ")
             << type;
    value = Value(arith::ConstantOp::create(
        b, loc,
        b.getF32FloatAttr(splat.getSplatValue<APFloat>().convertToFloat())));
  } else if (std::optional<Access> access =
                 getAccess(tile, frame.getKernel())) {
    value = indices.empty() ? frame.loadScalar(outer, loc, tile, *access)
                            : read(*access, indices, type, loc);
  } else if (auto linalgOp = dyn_cast_if_present<linalg::LinalgOp>(op);
             linalgOp && isMap(linalgOp)) {
    // What is the same for all elements is computed once.
    if (indices.empty() && &b != &outer)
      value = getUniform(tile);
    else
      value = evaluateMap(linalgOp, indices, isRoot);
  } else if (auto pad = dyn_cast_if_present<tensor::PadOp>(op)) {
    value = evaluatePad(pad, indices);
  } else if (auto slice = dyn_cast_if_present<tensor::ExtractSliceOp>(op)) {
    SmallVector<Value> sourceIndices;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned next = 0;
    for (auto [dim, offset] : llvm::enumerate(slice.getMixedOffsets())) {
      bool isDropped = dropped.test(dim);
      if (getConstantIntValue(offset) == 0 && !isDropped) {
        sourceIndices.push_back(indices[next++]);
        continue;
      }
      FailureOr<Value> start = frame.getIndex(outer, loc, offset);
      if (failed(start))
        return failure();
      sourceIndices.push_back(
          isDropped ? *start
                    : arith::AddIOp::create(b, loc, *start, indices[next++]));
    }
    value = evaluate(slice.getSource(), sourceIndices);
  } else {
    InFlightDiagnostic diagnostic =
        emitError(loc, "expects a value that maps compute, in a kernel for a "
                       "GPU");
    if (op)
      diagnostic << ", but got " << op->getName();
    return diagnostic;
  }
  if (failed(value))
    return failure();
  computed[tile].push_back({SmallVector<Value>(indices), *value});
  return value;
}

FailureOr<Value> TileExpression::evaluatePad(tensor::PadOp pad,
                                             ArrayRef<Value> indices) {
  Location loc = pad.getLoc();
  RankedTensorType type = pad.getSourceType();
  Value padding = pad.getConstantPaddingValue();
  if (!padding || !type.hasStaticShape() ||
      !llvm::all_of(pad.getMixedLowPad(), [](OpFoldResult low) {
        return getConstantIntValue(low) == 0;
      }))
    return pad.emitOpError("expects a computed tile to be padded behind its "
                           "last elements, with one value and by constant "
                           "amounts, in a kernel for a GPU");
  // Outside of the source, its first element is computed and not used.
  Value inside;
  SmallVector<Value> clamped(indices);
  for (auto [dim, index] : llvm::enumerate(indices)) {
    int64_t size = type.getDimSize(dim);
    if (size == pad.getResultType().getDimSize(dim))
      continue;
    Value end = arith::ConstantIntOp::create(b, loc, size, 32);
    Value isIn =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, end);
    inside = inside ? arith::AndIOp::create(b, loc, inside, isIn) : isIn;
    Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
    clamped[dim] = arith::SelectOp::create(b, loc, isIn, index, zero);
  }
  FailureOr<Value> element = evaluate(pad.getSource(), clamped);
  if (failed(element) || !inside)
    return element;
  FailureOr<Value> other = frame.getScalar(outer, padding);
  if (failed(other))
    return failure();
  return Value(arith::SelectOp::create(b, loc, inside, *element, *other));
}

FailureOr<Value> TileExpression::getUniform(Value tile) {
  TileExpression expression(frame, outer, outer);
  expression.vectors = vectors;
  return expression.evaluate(tile, {});
}

FailureOr<Value> TileExpression::evaluateMap(linalg::LinalgOp op,
                                             ArrayRef<Value> indices,
                                             bool isRoot) {
  SmallVector<Value> loops(op.getNumLoops());
  AffineMap outMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [position, index] : llvm::enumerate(indices))
    loops[outMap.getDimPosition(position)] = index;

  DenseMap<Value, Value> values;
  Block *body = op.getBlock();
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument arg = op.getMatchingBlockArgument(&operand);
    if (arg.use_empty())
      continue;
    FailureOr<Value> value = failure();
    if (isa<RankedTensorType>(operand.get().getType())) {
      SmallVector<Value> at;
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (!dim)
          return op->emitOpError("expects projected permutations as indexing "
                                 "maps, in a kernel for a GPU");
        at.push_back(loops[dim.getPosition()]);
      }
      value = evaluate(operand.get(), at);
    } else {
      value = frame.getScalar(outer, operand.get());
    }
    if (failed(value))
      return failure();
    values[arg] = *value;
  }
  Operation *yield = body->getTerminator();
  for (Operation &nested : body->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested)) {
      values[index] = loops[index.getDim()];
      continue;
    }
    if (nested.getNumResults() != 1 || nested.getNumRegions() != 0)
      return nested.emitOpError("is no scalar op that a kernel for a GPU can "
                                "use");
    SmallVector<Value> operands;
    for (Value operand : nested.getOperands()) {
      Value value = values.lookup(operand);
      if (!value) {
        FailureOr<Value> scalar = frame.getScalar(outer, operand);
        if (failed(scalar))
          return failure();
        value = *scalar;
      }
      operands.push_back(value);
    }
    // Who stores the tile rounds it.
    if (isRoot && isa<arith::TruncFOp>(nested) &&
        llvm::all_of(nested.getUsers(),
                     [&](Operation *user) { return user == yield; })) {
      values[nested.getResult(0)] = operands[0];
      continue;
    }
    values[nested.getResult(0)] = frame.cloneScalarOp(b, &nested, operands);
  }
  Value result = yield->getOperand(0);
  if (Value value = values.lookup(result))
    return value;
  return frame.getScalar(outer, result);
}
