//===- TileWork.cpp - what a tile program computes ------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::linattn;

//===----------------------------------------------------------------------===//
// Tiles in registers
//===----------------------------------------------------------------------===//

FailureOr<Value> TileProgram::map(Value tile, Type operandElement,
                                  bool transposed, Slot slot,
                                  const Leaves &leaves, Columns part) {
  auto [rows, columns] = getLocalShape(tile);
  if (part.count)
    columns = part.count;
  if (transposed)
    std::swap(rows, columns);
  MLIRContext *context = b.getContext();
  llvm::SetVector<Value> found = getLeaves(tile, body);
  SmallVector<Value> inputs;
  for (Value leaf : found) {
    if (Value value = leaves.lookup(leaf)) {
      inputs.push_back(value);
      continue;
    }
    if (!body.loads.contains(leaf)) {
      FailureOr<Value> value = getAccumulator(leaf);
      if (failed(value))
        return failure();
      if (part.count)
        value = Value(tile::ColumnsOp::create(
            b, loc,
            tile::AccumulatorType::get(context, rows, columns, b.getF32Type()),
            *value, part.first));
      inputs.push_back(*value);
      continue;
    }
    FailureOr<Value> shared = getPart(leaf, getLoaded(leaf, slot));
    if (failed(shared))
      return failure();
    Type element = getTileType(leaf).getElementType();
    inputs.push_back(tile::LoadOperandOp::create(
        b, loc, tile::OperandType::get(context, rows, columns, element),
        *shared, transposed));
  }
  Type f32 = b.getF32Type();
  Type type =
      operandElement
          ? Type(tile::OperandType::get(context, rows, columns, operandElement))
          : tile::AccumulatorType::get(context, rows, columns, f32);
  auto mapOp = tile::MapOp::create(b, loc, type, inputs, plan.recompute);
  OpBuilder outer(mapOp);
  SmallVector<Type> argTypes(inputs.size(), f32);
  argTypes.append(2, b.getI32Type());
  OpBuilder inner(context);
  Block *block =
      inner.createBlock(&mapOp.getBody(), {}, argTypes,
                        SmallVector<Location>(argTypes.size(), tile.getLoc()));
  SmallVector<Value> indices(block->getArguments().take_back(2));
  if (part.first)
    indices[1] = arith::AddIOp::create(
        inner, loc, indices[1],
        arith::ConstantIntOp::create(inner, loc, part.first, 32));
  if (transposed)
    std::swap(indices[0], indices[1]);
  for (unsigned dim : {0u, 1u})
    indices[dim] = getGlobalIndex(inner, tile, dim, indices[dim]);
  TileExpression expression(frame, inner, outer);
  for (auto [leaf, arg] : llvm::zip(found, block->getArguments()))
    expression.addLeaf(leaf, arg, indices);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(mapOp);
    for (Value vector : body.vectors)
      expression.addVector(vector, getSharedVector(vector, slot));
  }
  FailureOr<Value> element = expression.getElement(tile, indices);
  if (failed(element))
    return failure();
  // A map that only rounds is the input: who stores it rounds.
  if (inputs.size() == 1 && *element == block->getArgument(0) &&
      inputs[0].getType() == type) {
    mapOp.erase();
    return inputs[0];
  }
  tile::YieldOp::create(inner, loc, *element);
  return Value(mapOp.getResult());
}

FailureOr<Value> TileProgram::getPart(Value tile, Value shared) {
  auto [rows, columns] = getLocalShape(tile);
  if (rows != plan.getBlockSize(body, tile, 0))
    return emitError(tile.getLoc(), "expects the rows of a loaded tile not to "
                                    "be cut among warpgroups");
  if (columns == plan.getBlockSize(body, tile, 1))
    return shared;
  return Value(tile::PanelOp::create(
      b, loc,
      tile::SharedType::get(b.getContext(), 1, rows, columns,
                            getTileType(tile).getElementType()),
      shared, groupColumn));
}

Value TileProgram::wait(Value unfinished) {
  auto type = cast<tile::PendingType>(unfinished.getType());
  auto result = tile::AccumulatorType::get(
      b.getContext(), type.getRows(), type.getColumns(), type.getElementType());
  return tile::WaitOp::create(b, loc, TypeRange{result}, ValueRange{unfinished})
      .getResult(0);
}

FailureOr<Value> TileProgram::getAccumulator(Value tile) {
  if (Value value = accumulators.lookup(tile))
    return value;
  auto [rows, columns] = getLocalShape(tile);
  auto type =
      tile::AccumulatorType::get(b.getContext(), rows, columns, b.getF32Type());
  Value result;
  if (Value unfinished = pending.lookup(tile)) {
    result = wait(unfinished);
  } else if (body.getContraction(tile)) {
    return emitError(tile.getLoc(),
                     "is needed before it is computed; no order of the "
                     "contractions of this kernel was found");
  } else if (KernelBody::isZero(tile)) {
    result = tile::ConstantOp::create(b, loc, type, b.getF32FloatAttr(0));
  } else {
    FailureOr<Value> mapped = map(tile, {}, false, current, Leaves());
    if (failed(mapped))
      return failure();
    result = *mapped;
  }
  accumulators[tile] = result;
  return result;
}

FailureOr<Value> TileProgram::getInitial(Value tile, Value init) {
  if (!KernelBody::isZero(init))
    return getAccumulator(init);
  // Zeros may stand for tiles of several shapes.
  auto [rows, columns] = getLocalShape(tile);
  return Value(tile::ConstantOp::create(
      b, loc,
      tile::AccumulatorType::get(b.getContext(), rows, columns, b.getF32Type()),
      b.getF32FloatAttr(0)));
}

LogicalResult TileProgram::emitPrologue(scf::ForOp prologue) {
  FailureOr<Value> lower = frame.getScalar(b, prologue.getLowerBound());
  FailureOr<Value> upper = frame.getScalar(b, prologue.getUpperBound());
  FailureOr<Value> step = frame.getScalar(b, prologue.getStep());
  if (failed(lower) || failed(upper) || failed(step))
    return failure();
  SmallVector<Value> inits;
  for (BlockArgument arg : prologue.getRegionIterArgs()) {
    FailureOr<Value> init =
        getInitial(arg, prologue.getTiedLoopInit(arg)->get());
    if (failed(init))
      return failure();
    inits.push_back(*init);
  }
  auto newLoop = scf::ForOp::create(b, loc, *lower, *upper, *step, inits);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(newLoop.getBody());
    frame.bind(prologue.getInductionVar(), newLoop.getInductionVar());
    Leaves leaves;
    for (auto [arg, value] :
         llvm::zip(prologue.getRegionIterArgs(), newLoop.getRegionIterArgs()))
      leaves[arg] = value;
    SmallVector<Value> yielded;
    for (Value value : prologue.getYieldedValues()) {
      FailureOr<Value> mapped = map(value, {}, false, current, leaves);
      if (failed(mapped))
        return failure();
      yielded.push_back(*mapped);
    }
    scf::YieldOp::create(b, loc, yielded);
  }
  for (auto [result, value] :
       llvm::zip(prologue.getResults(), newLoop.getResults()))
    accumulators[result] = value;
  return success();
}

FailureOr<Value> TileProgram::getCarried(Value scalar) {
  if (!isa<RankedTensorType>(scalar.getType()))
    return frame.getScalar(b, scalar);
  TileExpression expression(frame, b, b);
  for (Value vector : body.vectors)
    expression.addVector(vector, getSharedVector(vector, current));
  return expression.getElement(scalar, {});
}

LogicalResult TileProgram::publish(Value tile, Value buffer, Slot slot,
                                   const Leaves &leaves, bool transposed) {
  FailureOr<Value> value = failure();
  if (Value same = leaves.lookup(tile))
    value = same;
  else if (leaves.empty() && (pending.count(tile) || accumulators.count(tile)))
    value = getAccumulator(tile);
  else
    value = map(tile, {}, false, slot, leaves);
  if (failed(value))
    return failure();
  Value first = plan.shared.contains(tile) ? getSharedColumn(b, tile) : Value();
  tile::StoreSharedOp::create(b, loc, *value, buffer, first, transposed);
  return success();
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

LogicalResult TileProgram::stage(Value tile) {
  // Who read the buffer has finished: an iteration ends with a sync. Of a
  // shared one, others have read that of the iteration before the last one when
  // they met in the last one.
  bool isShared = plan.shared.contains(tile);
  Value buffer = getStage(b, loc, published[tile], isShared ? turn : group);
  if (failed(publish(tile, buffer, current, Leaves())))
    return failure();
  tile::FenceOp::create(b, loc);
  if (isShared)
    unmet.insert(tile);
  else
    sync();
  staged[tile] = buffer;
  return success();
}

FailureOr<Value> TileProgram::getOperand(const Contraction &contraction,
                                         bool isLhs, Slot slot) {
  Value tile = isLhs ? contraction.lhs : contraction.rhs;
  switch (getPlacement(body, contraction, isLhs)) {
  case Placement::Registers:
    if (Value operand = isLhs ? aheadOperands.lookup(&contraction) : Value())
      return operand;
    return map(tile, getElementType(body, contraction),
               contraction.transposeLhs, slot, Leaves());
  case Placement::Published:
    return getStage(b, loc, published[tile], group);
  case Placement::Staged:
    if (aheadBuffers.contains(tile))
      staged[tile] = getStage(b, loc, published[tile], turn);
    else if (!staged.contains(tile) && failed(stage(tile)))
      return failure();
    // As late as possible: what comes before need not be done in step.
    if (unmet.erase(tile))
      syncAll();
    return staged.lookup(tile);
  case Placement::Loaded:
    break;
  }
  return getPart(tile, getLoaded(tile, slot));
}

/// Registers of a thread that states may take for others to be left.
static constexpr int64_t kRoomyState = 64;

bool TileProgram::isTight() const {
  int64_t elements = 0;
  for (BlockArgument state : body.states) {
    auto [rows, columns] = getLocalShape(state);
    elements += rows * columns;
  }
  return elements / tile::kWarpgroupThreads > kRoomyState;
}

LogicalResult TileProgram::stageReady() {
  auto isReady = [&](Value leaf) {
    return body.loads.contains(leaf) || pending.count(leaf) ||
           accumulators.count(leaf);
  };
  for (const Contraction &contraction : body.contractions)
    for (bool isLhs : {true, false}) {
      Value tile = isLhs ? contraction.lhs : contraction.rhs;
      if (getPlacement(body, contraction, isLhs) == Placement::Staged &&
          !staged.contains(tile) &&
          llvm::all_of(getLeaves(tile, body), isReady) && failed(stage(tile)))
        return failure();
    }
  return success();
}

/// The depth of a state that is an operand in registers at once: 32 registers
/// of a thread, for each 64 rows.
static constexpr int64_t kHeldDepth = 128;

FailureOr<Value> TileProgram::issueHeld(const Contraction &contraction,
                                        Slot slot) {
  auto [rows, columns] = getLocalShape(contraction.getResult());
  int64_t depth = getLocalShape(contraction.lhs).second;
  MLIRContext *context = b.getContext();
  Type f32 = b.getF32Type();
  Type element = getElementType(body, contraction);
  FailureOr<Value> rhs = getOperand(contraction, /*isLhs=*/false, slot);
  if (failed(rhs))
    return failure();
  Value result;
  for (int64_t first = 0; first < depth; first += kHeldDepth) {
    int64_t count = std::min(kHeldDepth, depth - first);
    if (result)
      result = tile::WaitOp::create(b, loc,
                                    TypeRange{tile::AccumulatorType::get(
                                        context, rows, columns, f32)},
                                    ValueRange{result})
                   .getResult(0);
    FailureOr<Value> lhs = map(contraction.lhs, element, /*transposed=*/false,
                               slot, Leaves(), {first, count});
    if (failed(lhs))
      return failure();
    Value panels = tile::PanelOp::create(
        b, loc,
        tile::SharedType::get(context, 1,
                              cast<tile::SharedType>(rhs->getType()).getRows(),
                              count, element),
        *rhs, constant(first));
    result = tile::ContractOp::create(
        b, loc, tile::PendingType::get(context, rows, columns, f32), *lhs,
        panels, result, /*transpose_lhs=*/false, /*transpose_rhs=*/false);
  }
  return result;
}

LogicalResult TileProgram::issue(const Contraction &contraction, Slot slot,
                                 DenseMap<Value, Value> &results) {
  if (holdsState(body, contraction) && contraction.startsFromZero() &&
      !contraction.transposeRhs &&
      getLocalShape(contraction.lhs).second > kHeldDepth) {
    FailureOr<Value> result = issueHeld(contraction, slot);
    if (failed(result))
      return failure();
    results[contraction.getResult()] = *result;
    return success();
  }
  // The accumulator last: it may have to wait for what was issued last.
  FailureOr<Value> rhs = getOperand(contraction, /*isLhs=*/false, slot);
  FailureOr<Value> lhs = getOperand(contraction, /*isLhs=*/true, slot);
  if (failed(rhs) || failed(lhs))
    return failure();
  Value init;
  if (!contraction.startsFromZero()) {
    FailureOr<Value> value = getAccumulator(contraction.init);
    if (failed(value))
      return failure();
    init = *value;
  }
  auto [rows, columns] = getLocalShape(contraction.getResult());
  Value first;
  if (plan.shared.contains(contraction.getResult()))
    first = getSharedColumn(b, contraction.getResult());
  results[contraction.getResult()] = tile::ContractOp::create(
      b, loc,
      tile::PendingType::get(b.getContext(), rows, columns, b.getF32Type()),
      *lhs, *rhs, first, init,
      contraction.transposeLhs && isa<tile::SharedType>(lhs->getType()),
      contraction.transposeRhs);
  return success();
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

LogicalResult TileProgram::store(const OutputStore &output, Value buffer) {
  // As it lies in memory: with contiguous rows.
  Access access = output.access;
  RankedTensorType type = getTileType(output.tile);
  std::array<unsigned, 2> tileDims{0, 1};
  if (output.isTransposed()) {
    std::swap(tileDims[0], tileDims[1]);
    std::swap(access.dims[0], access.dims[1]);
    std::swap(access.sizes[0], access.sizes[1]);
    type = RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)},
                                 type.getElementType());
  }
  FailureOr<Value> destination =
      frame.getGlobal(access.tensor, access.dims,
                      plan.getLocalSize(body, output.tile, tileDims[0]),
                      /*isOutput=*/true);
  FailureOr<SmallVector<Value>> coordinates =
      frame.getCoordinates(b, loc, access);
  if (failed(destination) || failed(coordinates))
    return failure();
  size_t rank = coordinates->size();
  for (unsigned dim : {0u, 1u}) {
    Value &coordinate = (*coordinates)[rank - 2 + dim];
    coordinate = getGlobalIndex(b, output.tile, tileDims[dim], coordinate);
  }
  if (!isClipped(access, 1, type))
    return emitError(output.tile.getLoc(),
                     "expects the columns of a tile to end where those of the "
                     "tensor do, in a kernel for a GPU");
  Value valid;
  if (!isClipped(access, 0, type)) {
    FailureOr<Value> rows = frame.getIndex(b, loc, access.sizes[0]);
    if (failed(rows))
      return failure();
    valid = *rows;
  }
  tile::StoreOp::create(b, loc, buffer, *destination, *coordinates, valid);
  return success();
}

LogicalResult TileProgram::storeElement(const OutputStore &output) {
  FailureOr<Value> element = getCarried(output.tile);
  if (failed(element))
    return failure();
  // One place of a tile, as each has one thread.
  Value tile = tile::ConstantOp::create(
      b, loc,
      tile::AccumulatorType::get(b.getContext(), tile::kInstructionRows,
                                 tile::kPanelColumns, b.getF32Type()),
      b.getF32FloatAttr(0));
  auto mapOp = tile::MapOp::create(b, loc, TypeRange{}, ValueRange{tile},
                                   plan.recompute);
  OpBuilder inner(b.getContext());
  Type i32 = b.getI32Type();
  Block *block = inner.createBlock(&mapOp.getBody(), {},
                                   {b.getF32Type(), i32, i32}, {loc, loc, loc});
  Value place = arith::OrIOp::create(inner, loc, block->getArgument(1),
                                     block->getArgument(2));
  place = arith::OrIOp::create(inner, loc, place, group);
  place = arith::OrIOp::create(inner, loc, place, part);
  Value isFirst =
      arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::eq, place,
                            arith::ConstantIntOp::create(inner, loc, 0, 32));
  auto ifOp = scf::IfOp::create(inner, loc, isFirst, /*withElseRegion=*/false);
  tile::YieldOp::create(inner, loc, Value());
  inner.setInsertionPointToStart(ifOp.thenBlock());
  FailureOr<Value> address =
      frame.getAddress(inner, loc, output.access, {}, /*isOutput=*/true);
  if (failed(address))
    return failure();
  Value value = *element;
  Type elementType = getTileType(output.access.tensor).getElementType();
  if (elementType != value.getType())
    value = arith::TruncFOp::create(inner, loc, elementType, value);
  LLVM::StoreOp::create(inner, loc, value, *address);
  return success();
}

LogicalResult TileProgram::storeElements(const OutputStore &output) {
  const Access &access = output.access;
  RankedTensorType type = getTileType(output.tile);
  if (type.getRank() == 0)
    return storeElement(output);
  if (type.getRank() != 2)
    return output.op->emitOpError("expects a matrix, in a kernel for a GPU, "
                                  "but got ")
           << type;
  FailureOr<Value> value = getAccumulator(output.tile);
  if (failed(value))
    return failure();
  auto mapOp = tile::MapOp::create(b, loc, TypeRange{}, ValueRange{*value},
                                   plan.recompute);
  OpBuilder outer(mapOp), inner(b.getContext());
  Type i32 = b.getI32Type();
  Block *block = inner.createBlock(&mapOp.getBody(), {},
                                   {b.getF32Type(), i32, i32}, {loc, loc, loc});
  SmallVector<Value> indices(block->getArguments().take_back(2));
  for (unsigned dim : {0u, 1u})
    indices[dim] = getGlobalIndex(inner, output.tile, dim, indices[dim]);
  Value inside;
  for (unsigned dim : {0u, 1u}) {
    if (!access.isPadded(dim, type))
      continue;
    FailureOr<Value> size = frame.getIndex(outer, loc, access.sizes[dim]);
    if (failed(size))
      return failure();
    Value isIn = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::slt,
                                       indices[dim], *size);
    inside = inside ? arith::AndIOp::create(inner, loc, inside, isIn) : isIn;
  }
  if (inside) {
    auto ifOp = scf::IfOp::create(inner, loc, inside, /*withElseRegion=*/false);
    tile::YieldOp::create(inner, loc, Value());
    inner.setInsertionPointToStart(ifOp.thenBlock());
  }
  FailureOr<Value> address =
      frame.getAddress(inner, loc, access, indices, /*isOutput=*/true);
  if (failed(address))
    return failure();
  Value element = block->getArgument(0);
  Type elementType = getTileType(access.tensor).getElementType();
  if (elementType != element.getType())
    element = arith::TruncFOp::create(inner, loc, elementType, element);
  LLVM::StoreOp::create(inner, loc, element, *address);
  if (!inside)
    tile::YieldOp::create(inner, loc, Value());
  return success();
}
