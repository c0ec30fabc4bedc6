//===- VectorRole.cpp - vectors of a chunk --------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One warp loads and sums up the vectors of each chunk, such as decays that
// differ by token, and leaves them in shared memory for those who compute.
//
//===----------------------------------------------------------------------===//

#include "TileProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::linattn;

/// The loaded vectors that a vector is computed from.
static void collectLoads(Value vector, scf::ForallOp kernel,
                         llvm::SetVector<Value> &loads) {
  if (getAccess(vector, kernel)) {
    loads.insert(vector);
    return;
  }
  if (std::optional<Scan> scan = getScan(vector))
    return collectLoads(scan->source, kernel, loads);
  for (Value leaf : getVectorLeaves(vector, kernel))
    collectLoads(leaf, kernel, loads);
}

FailureOr<Value> TileProgram::loadVector(Value vector, Value exists) {
  Access access = *getAccess(vector, body.kernel);
  FailureOr<KernelFrame::VectorSource> source =
      frame.getVectorSource(b, loc, access);
  FailureOr<Value> valid = frame.getIndex(b, loc, access.sizes[0]);
  if (failed(source) || failed(valid))
    return failure();
  FailureOr<Value> padding = Value();
  if (access.padding)
    padding = frame.getScalar(b, access.padding);
  else
    padding = Value(arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)));
  if (failed(padding))
    return failure();
  Value count = arith::SelectOp::create(b, loc, exists, *valid, constant(0));
  auto type = tile::WarpVectorType::get(b.getContext(),
                                        getTileType(vector).getDimSize(0));
  return Value(tile::VectorLoadOp::create(
      b, loc, type, source->address, source->index, source->stride, count,
      *padding, getTileType(access.tensor).getElementType()));
}

FailureOr<Value> TileProgram::getVector(Value vector,
                                        DenseMap<Value, Value> &computed) {
  if (Value value = computed.lookup(vector))
    return value;
  RankedTensorType shape = getTileType(vector);
  auto type = tile::WarpVectorType::get(b.getContext(), shape.getDimSize(0));
  Value result;
  if (std::optional<Scan> scan = getScan(vector)) {
    FailureOr<Value> source = getVector(scan->source, computed);
    if (failed(source))
      return failure();
    result = tile::VectorScanOp::create(b, loc, type, scan->reverse,
                                        scan->exclusive, *source);
  } else {
    SmallVector<Value> leaves =
        getVectorLeaves(vector, body.kernel).takeVector();
    SmallVector<Value> inputs;
    for (Value leaf : leaves) {
      FailureOr<Value> input = getVector(leaf, computed);
      if (failed(input))
        return failure();
      inputs.push_back(*input);
    }
    auto mapOp = tile::VectorMapOp::create(b, loc, type, inputs);
    OpBuilder outer(mapOp), inner(b.getContext());
    SmallVector<Type> argTypes(inputs.size(), b.getF32Type());
    argTypes.push_back(b.getI32Type());
    Block *block = inner.createBlock(
        &mapOp.getBody(), {}, argTypes,
        SmallVector<Location>(argTypes.size(), vector.getLoc()));
    Value index = block->getArguments().back();
    TileExpression expression(frame, inner, outer);
    for (auto [leaf, arg] : llvm::zip(leaves, block->getArguments()))
      expression.addLeaf(leaf, arg, index);
    FailureOr<Value> element = expression.getElement(vector, index);
    if (failed(element))
      return failure();
    tile::YieldOp::create(inner, loc, *element);
    result = mapOp.getResult();
  }
  computed[vector] = result;
  return result;
}

LogicalResult TileProgram::emitVectorRole() {
  // Beside the warp that loads tiles.
  auto role =
      tile::RoleOp::create(b, loc, "vectors", /*of_warps=*/true,
                           plan.groups * 4 + 1, 1, plan.producerRegisters);
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&role.getBody(), {}, b.getI32Type(), loc);
  // Loads take longer than the rest, so those of the next chunk are issued
  // before this chunk is worked on.
  llvm::SetVector<Value> loads;
  for (Value vector : body.vectors)
    collectLoads(vector, body.kernel, loads);
  scf::ForOp loop = body.loop;
  FailureOr<ProducerLoop> range = getProducerLoop();
  if (failed(range))
    return failure();
  auto loadAll = [&](Value iteration, SmallVectorImpl<Value> &loaded) {
    frame.bind(loop.getInductionVar(), iteration);
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                         iteration, range->end);
    loaded.clear();
    for (Value load : loads) {
      FailureOr<Value> value = loadVector(load, exists);
      if (failed(value))
        return failure();
      loaded.push_back(*value);
    }
    return success();
  };
  SmallVector<Value> carried{constant(0), constant(1)}, loaded;
  if (failed(loadAll(range->lower, loaded)))
    return failure();
  llvm::append_range(carried, loaded);
  auto chunks = scf::ForOp::create(b, loc, range->lower, range->upper,
                                   range->step, carried);
  tile::EndRoleOp::create(b, loc);
  b.setInsertionPointToStart(chunks.getBody());
  Slot slot{chunks.getRegionIterArg(0), chunks.getRegionIterArg(1)};
  Value following =
      arith::AddIOp::create(b, loc, chunks.getInductionVar(), range->step);
  if (failed(loadAll(following, loaded)))
    return failure();
  frame.bind(loop.getInductionVar(), chunks.getInductionVar());
  DenseMap<Value, Value> computed;
  for (auto [load, value] :
       llvm::zip(loads, chunks.getRegionIterArgs().drop_front(2)))
    computed[load] = value;
  SmallVector<Value> values;
  for (Value vector : body.vectors) {
    FailureOr<Value> value = getVector(vector, computed);
    if (failed(value))
      return failure();
    values.push_back(*value);
  }
  // What does not touch shared memory can be done before there is room.
  tile::BarrierWaitOp::create(b, loc, empty, slot.stage, slot.phase);
  for (auto [vector, value] : llvm::zip(body.vectors, values))
    tile::VectorStoreOp::create(b, loc, value, getSharedVector(vector, slot));
  tile::BarrierArriveOp::create(b, loc, full, slot.stage);
  Slot next = getNext(b, slot);
  SmallVector<Value> yielded{next.stage, next.phase};
  llvm::append_range(yielded, loaded);
  scf::YieldOp::create(b, loc, yielded);
  return success();
}
